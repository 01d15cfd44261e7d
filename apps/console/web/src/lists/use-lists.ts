import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ControlSchemas, ListEntry, ListEntryPage, ListPreview } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { queryString, request } from "../api/request.js";

const PAGE_ROWS = 200;
const EXPORT_ROWS = 1_000;
const EXPORT_PAGES_MAX = 200;

export interface EntrySearch {
  readonly list?: string;
  readonly kind?: string;
  readonly value?: string;
}

export interface NewEntry {
  readonly kind: string;
  readonly value: string;
  readonly reason: string;
  readonly expires_at: string | null;
}

export interface NewEntries {
  readonly list: string;
  /** The effect of a new list. */
  readonly effect?: string;
  readonly entries: readonly NewEntry[];
}

export function useLists() {
  return useQuery({
    queryKey: ["lists"],
    queryFn: ({ signal }) => request<ControlSchemas["Lists"]>(`${CONTROL}/lists`, { signal }),
  });
}

export function useEntries(search: EntrySearch) {
  return useInfiniteQuery({
    queryKey: ["list-entries", search],
    queryFn: ({ pageParam, signal }) =>
      request<ListEntryPage>(
        `${CONTROL}/lists/entries${queryString({ ...search, after: pageParam, limit: PAGE_ROWS })}`,
        { signal },
      ),
    initialPageParam: "",
    getNextPageParam: ({ next }) => next ?? undefined,
  });
}

export function useChangeLists() {
  const client = useQueryClient();
  const again = async (): Promise<void> => {
    await Promise.all([
      client.invalidateQueries({ queryKey: ["lists"] }),
      client.invalidateQueries({ queryKey: ["list-entries"] }),
    ]);
  };
  const add = useMutation({
    mutationFn: ({ list, ...body }: NewEntries) =>
      request<ControlSchemas["Listed"] & Partial<ControlSchemas["ListedLater"]>>(
        `${CONTROL}/lists/${encodeURIComponent(list)}/entries`,
        { method: "POST", body },
      ),
    onSuccess: again,
  });
  const preview = useMutation({
    mutationFn: (entry: Pick<NewEntry, "kind" | "value">) =>
      request<ListPreview>(`${CONTROL}/lists/preview`, { method: "POST", body: { entries: [entry] } }),
  });
  const remove = useMutation({
    mutationFn: ({ list, kind, value }: ListEntry) =>
      request(`${CONTROL}/lists/${encodeURIComponent(list)}/entries${queryString({ kind, value })}`, {
        method: "DELETE",
      }),
    onSuccess: again,
  });
  return { add, preview, remove };
}

/** Reads all entries of a search, page by page. */
export async function fetchEntries(search: EntrySearch): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  let after = "";
  for (let page = 0; page < EXPORT_PAGES_MAX; page += 1) {
    const found = await request<ListEntryPage>(
      `${CONTROL}/lists/entries${queryString({ ...search, after, limit: EXPORT_ROWS })}`,
    );
    entries.push(...found.entries);
    if (found.next === null) break;
    after = found.next;
  }
  return entries;
}
