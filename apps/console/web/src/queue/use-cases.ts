import type { InfiniteData } from "@tanstack/react-query";
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { CaseQuery, CaseRow, QueuePage, SavedView } from "#contract/cases";
import { queryString, request } from "../api/request.js";
import { useDraft } from "../app/keep-draft.js";
import { dropCases } from "../undo/decided.js";
import type { QueueSearch } from "./queue-search.js";
import { caseQuery, QUEUE_FILTERS, QUEUE_TEXT, readQueueSearch } from "./queue-search.js";

const PAGE_ROWS = 200;
const REFRESH_MS = 15_000;
const PAGES_REFRESHED_MAX = 3;

/** The cases of a query, page by page. Only the first pages are refreshed, so that rows further down do not move. */
export function useCases(query: CaseQuery) {
  return useInfiniteQuery({
    queryKey: ["cases", query],
    queryFn: ({ pageParam, signal }) =>
      request<QueuePage>(`/api/cases${queryString({ ...query, after: pageParam, limit: PAGE_ROWS })}`, { signal }),
    initialPageParam: "",
    getNextPageParam: ({ next }) => next ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) <= PAGES_REFRESHED_MAX ? REFRESH_MS : false),
  });
}

export interface BulkChange {
  readonly assign?: { readonly assignee: string | null };
  readonly snooze?: { readonly untilMs: number };
  readonly verdict?: { readonly verdict: "fraud" | "genuine"; readonly reason: string; readonly note: string };
}

export interface BulkAnswer {
  readonly changed: readonly CaseRow[];
  readonly refused: readonly { readonly id: string; readonly code: string; readonly detail: string }[];
}

export function useBulkChange() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ cases, change }: { cases: readonly CaseRow[]; change: BulkChange }) =>
      request<BulkAnswer>("/api/cases/bulk", {
        method: "POST",
        body: { cases: cases.map(({ id, revision }) => ({ id, revision })), change },
      }),
    onSuccess: ({ changed }) => {
      dropCases(changed.map(({ id }) => id));
      const newest = new Map(changed.map((row) => [row.id, row]));
      client.setQueriesData<InfiniteData<QueuePage>>({ queryKey: ["cases"] }, (kept) =>
        kept === undefined ? kept : { ...kept, pages: kept.pages.map((page) => withRows(page, newest)) },
      );
      return client.invalidateQueries({ queryKey: ["cases"] });
    },
  });
}

function withRows(page: QueuePage, newest: ReadonlyMap<string, CaseRow>): QueuePage {
  return { ...page, cases: page.cases.map((row) => ({ ...row, ...newest.get(row.id) })) };
}

/** The queue as the user left it. */
export function useKeptQueue(): { readonly filters: QueueSearch; readonly query: CaseQuery } {
  const [kept] = useDraft<Record<string, unknown>>(QUEUE_FILTERS, {});
  const [typed] = useDraft(QUEUE_TEXT, "");
  const filters = readQueueSearch(kept);
  return { filters, query: caseQuery(filters, typed) };
}

interface NextCase {
  readonly filters: CaseQuery;
  /** The case after which to continue. */
  readonly after?: string;
}

/** Assigns the next case in the queue to the user and opens it. The data is undefined if there is no such case. */
export function useTakeNext() {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: (body: NextCase) => request<CaseRow | undefined>("/api/cases/next", { method: "POST", body }),
    onSuccess: (taken) => {
      void client.invalidateQueries({ queryKey: ["cases"] });
      if (taken !== undefined) void navigate({ to: "/cases/$id", params: { id: taken.id } });
    },
  });
}

export function useViews() {
  const client = useQueryClient();
  const again = () => client.invalidateQueries({ queryKey: ["views"] });
  const views = useQuery({
    queryKey: ["views"],
    queryFn: ({ signal }) => request<readonly SavedView[]>("/api/views", { signal }),
  });
  const save = useMutation({
    mutationFn: ({ name, query }: SavedView) =>
      request(`/api/views/${encodeURIComponent(name)}`, { method: "PUT", body: query }),
    onSuccess: again,
  });
  const remove = useMutation({
    mutationFn: (name: string) => request(`/api/views/${encodeURIComponent(name)}`, { method: "DELETE" }),
    onSuccess: again,
  });
  return { views, save, remove };
}
