import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Dimension, Overview } from "#contract/overview";
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
