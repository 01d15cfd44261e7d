import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { DisputeRatios } from "#contract/dispute-ratios";
import type {
  CandidatePayment,
  Reconciliation,
  UnmatchedPage,
  UnmatchedReport,
  UnmatchedState,
} from "#contract/fraud-reports";
import { queryString, request } from "../api/request.js";

const KEY = "fraud-reports";
const PATH = "/api/fraud-reports";
const PAGE_ROWS = 50;
const PAGES_MAX = 20;
export const ROWS_MAX = PAGE_ROWS * PAGES_MAX;
const REFRESH_MS = 15_000;
/** A year of reports takes longer than other requests. */
const RECONCILE_MS_MAX = 120_000;

/** Reports without a payment, oldest first, page by page. */
export function useUnmatched(state: UnmatchedState) {
  return useInfiniteQuery({
    queryKey: [KEY, "unmatched", state],
    queryFn: ({ pageParam, signal }) =>
      request<UnmatchedPage>(`${PATH}/unmatched${queryString({ state, after: pageParam, limit: PAGE_ROWS })}`, {
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: ({ next }, pages) => (pages.length < PAGES_MAX ? (next ?? undefined) : undefined),
    // Does not refresh while the user is reading later pages.
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > 1 ? false : REFRESH_MS),
  });
}

export interface Period {
  /** Days such as 2026-11-30, in UTC. */
  readonly from: string;
  readonly to: string;
  /** Empty for all files. */
  readonly file: string;
}

export function reconciliationPath(period: Period, format: "" | ".csv" = ""): string {
  return `${PATH}/reconciliation${format}${queryString(period)}`;
}

export function useReconciliation(period: Period) {
  return useQuery({
    queryKey: [KEY, "reconciliation", period],
    queryFn: ({ signal }) => request<Reconciliation>(reconciliationPath(period), { signal, msMax: RECONCILE_MS_MAX }),
  });
}

export function useRatios(month: string) {
  return useQuery({
    queryKey: [KEY, "ratios", month],
    queryFn: ({ signal }) =>
      request<DisputeRatios>(`${PATH}/ratios${queryString({ month })}`, { signal, msMax: RECONCILE_MS_MAX }),
  });
}

export function useCandidates(reportId: string) {
  return useQuery({
    // Does not start with KEY, so that a match does not refetch the candidates: a matched report no longer has any.
    queryKey: ["candidates", reportId],
    queryFn: ({ signal }) =>
      request<readonly CandidatePayment[]>(`${PATH}/unmatched/${encodeURIComponent(reportId)}/candidates`, { signal }),
    gcTime: 0,
  });
}

/** Matches a report with a payment. A colleague or Tripline may have matched it first, so errors also reload the list. */
export function useMatch({ id }: UnmatchedReport) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ transactionId }: CandidatePayment) =>
      request<undefined>(`${PATH}/unmatched/${encodeURIComponent(id)}/match`, {
        method: "POST",
        body: { transactionId },
      }),
    onSettled: () => {
      for (const key of [KEY, "case", "payment"]) void client.invalidateQueries({ queryKey: [key] });
    },
  });
}
