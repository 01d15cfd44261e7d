import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Dimension, Overview } from "#contract/overview";
import type { Work } from "#contract/work";
import { queryString, request } from "../api/request.js";
import type { Range } from "./overview-search.js";
import { RANGES } from "./overview-search.js";

const REFRESH_MS = 60_000;

export function useOverview(range: Range, by: Dimension) {
  return useQuery({
    queryKey: ["overview", range, by],
    queryFn: ({ signal }) => request<Overview>(`/api/overview${queryString({ ...RANGES[range], by })}`, { signal }),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}

const DAYS: Readonly<Record<Range, number>> = { "7-days": 7, "30-days": 30, "12-weeks": 84, "12-months": 366 };

export function useWork(range: Range) {
  return useQuery({
    queryKey: ["work", range],
    queryFn: ({ signal }) => request<Work>(`/api/overview/work${queryString({ days: DAYS[range] })}`, { signal }),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}
