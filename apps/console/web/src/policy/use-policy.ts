import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type {
  ControlSchemas,
  PolicyDraftText,
  PolicyRevision,
  PolicyRevisionText,
  PolicyStatus,
} from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { RequestFailed, request } from "../api/request.js";

const POLICY = `${CONTROL}/policy`;
const REFRESH_MS = 10_000;
const draftAddress = (name: string): string => `${POLICY}/drafts/${encodeURIComponent(name)}`;

export function usePolicyStatus() {
  return useQuery({
    queryKey: ["policy", "status"],
    queryFn: ({ signal }) => request<PolicyStatus>(POLICY, { signal }),
    refetchInterval: REFRESH_MS,
  });
}

/** The revision on which a new draft is based: the active revision, or else the newest; 0 if there is none. */
export function baseRevision(status: PolicyStatus | undefined): number {
  return status?.in_force?.revision ?? status?.newest_revision?.revision ?? 0;
}

export function useRevisions() {
  return useQuery({
    queryKey: ["policy", "revisions"],
    queryFn: ({ signal }) => request<ControlSchemas["Revisions"]>(`${POLICY}/revisions?limit=200`, { signal }),
  });
}

export function useDrafts() {
  return useQuery({
    queryKey: ["policy", "drafts"],
    queryFn: ({ signal }) => request<ControlSchemas["Drafts"]>(`${POLICY}/drafts`, { signal }),
  });
}

/** @param revision 0 for none */
export function useRevision(revision: number) {
  return useQuery({
    queryKey: ["policy", "revision", revision],
    queryFn: ({ signal }) => request<PolicyRevisionText>(`${POLICY}/revisions/${revision}`, { signal }),
    enabled: revision > 0,
  });
}

/** The last saved version of the draft; null if it does not exist yet. */
export function useSavedDraft(name: string) {
  return useQuery({
    queryKey: ["policy", "draft", name],
    queryFn: async ({ signal }) => {
      const { drafts } = await request<ControlSchemas["Drafts"]>(`${POLICY}/drafts`, { signal });
      if (!drafts.some((draft) => draft.name === name)) return null;
      return request<PolicyDraftText>(draftAddress(name), { signal });
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
}

export function useChangePolicy() {
  const client = useQueryClient();
  const again = () =>
    client.invalidateQueries({ queryKey: ["policy"], predicate: ({ queryKey }) => queryKey[1] !== "draft" });
  const saveDraft = useMutation({
    mutationFn: ({ name, ...body }: { name: string; text: string; version: number }) =>
      request<ControlSchemas["SavedDraft"]>(draftAddress(name), { method: "PUT", body }),
    onSuccess: (saved, { name, text }) => {
      client.setQueryData<PolicyDraftText>(["policy", "draft", name], { ...saved, text });
      return again();
    },
  });
  const addRevision = useMutation({
    mutationFn: (body: { text: string; note: string }) =>
      request<PolicyRevision>(`${POLICY}/revisions`, { method: "POST", body }),
    onSuccess: again,
  });
  const approve = useMutation({
    mutationFn: ({ revision, ...body }: { revision: number; note: string; unwatched: boolean }) =>
      request(`${POLICY}/revisions/${revision}/approvals`, { method: "POST", body }),
    onSuccess: again,
  });
  const activate = useMutation({
    mutationFn: (body: { revision: number; after: number; note: string; watched: boolean; at?: string }) =>
      request(`${POLICY}/activations`, { method: "POST", body }),
    onSuccess: again,
  });
  return { saveDraft, addRevision, approve, activate };
}

/** The faults of a text; empty for a valid text. */
export async function findFaults(text: string, signal: AbortSignal): Promise<readonly string[]> {
  try {
    await request(`${POLICY}/check`, { method: "POST", body: { text }, signal });
    return [];
  } catch (error) {
    const isRefusal = error instanceof RequestFailed && error.problem.status === 422;
    if (!isRefusal) throw error;
    const faults = error.problem.errors ?? [];
    return faults.length === 0 ? [error.problem.detail] : faults.map(({ detail }) => detail);
  }
}
