import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { CaseAttachment } from "#contract/attachments";
import type { CaseDetail, CaseNarrative, CaseNote, CaseRow } from "#contract/cases";
import { request } from "../api/request.js";
import { dropCases } from "../undo/decided.js";

const REFRESH_MS = 20_000;

export function useCase(id: string) {
  return useQuery({
    queryKey: ["case", id],
    queryFn: ({ signal }) => request<CaseDetail>(`/api/cases/${encodeURIComponent(id)}`, { signal }),
    refetchInterval: REFRESH_MS,
  });
}

/** Actions on a case, by the last part of their URL. */
export type CaseAction =
  | { readonly to: "assign"; readonly body: { readonly assignee: string | null } }
  | { readonly to: "snooze"; readonly body: { readonly untilMs: number } }
  | { readonly to: "escalate"; readonly body: { readonly note: string } }
  | { readonly to: "reopen" | "verdict/undo"; readonly body: object }
  | {
      readonly to: "verdict";
      readonly body: { readonly verdict: "fraud" | "genuine"; readonly reason: string; readonly note: string };
    }
  | { readonly to: "verdict/refuse"; readonly body: { readonly note: string } };

/** Changes a case. If there is a newer revision than the user sees, the change is rejected and the input is kept. */
export function useCaseChange({ id, revision }: Pick<CaseRow, "id" | "revision">) {
  const client = useQueryClient();
  return useMutation({
    // Fails immediately if the user is offline, so that the user does not assume that the verdict was saved.
    networkMode: "always",
    mutationFn: ({ to, body }: CaseAction) =>
      request<CaseRow>(`/api/cases/${encodeURIComponent(id)}/${to}`, { method: "POST", body: { revision, ...body } }),
    onSuccess: async (row, { to }) => {
      dropCases([id]);
      client.setQueryData<CaseDetail>(["case", id], (kept) => (kept === undefined ? kept : { ...kept, ...row }));
      void client.invalidateQueries({ queryKey: ["cases"] });
      const reloaded = client.invalidateQueries({ queryKey: ["case", id] });
      // The next case opens immediately.
      if (to !== "verdict") await reloaded;
    },
  });
}

export function useAddNote(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (text: string) =>
      request<CaseNote>(`/api/cases/${encodeURIComponent(id)}/notes`, { method: "POST", body: { text } }),
    onSuccess: (note) => {
      client.setQueryData<CaseDetail>(["case", id], (kept) =>
        kept === undefined ? kept : { ...kept, notes: [...kept.notes, note] },
      );
      // Not awaited, because the text field is cleared as soon as the note appears in the list.
      void client.invalidateQueries({ queryKey: ["case", id] });
    },
  });
}

/** Requested once per revision, if a model is configured. */
export function useNarrative({ id, revision, narrativeModel }: CaseDetail) {
  return useQuery({
    queryKey: ["narrative", id, revision],
    queryFn: ({ signal }) =>
      request<CaseNarrative>(`/api/cases/${encodeURIComponent(id)}/narrative`, { method: "POST", body: {}, signal }),
    enabled: narrativeModel !== null,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
}

/** Timeout for slow connections. */
const UPLOAD_MS_MAX = 60_000;

export function useAddFile(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (file: File) =>
      request<CaseAttachment>(`/api/cases/${encodeURIComponent(id)}/attachments`, {
        method: "POST",
        body: file,
        // Not in the URL, because URLs are logged.
        headers: { "x-file-name": encodeURIComponent(file.name) },
        msMax: UPLOAD_MS_MAX,
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["case", id] }),
  });
}

export function useRemoveFile(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (file: string) =>
      request<void>(`/api/cases/${encodeURIComponent(id)}/attachments/${encodeURIComponent(file)}`, {
        method: "DELETE",
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["case", id] }),
  });
}

export function useReload(id: string): () => void {
  const client = useQueryClient();
  return () => void client.invalidateQueries({ queryKey: ["case", id] });
}
