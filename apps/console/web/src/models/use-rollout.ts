import { useQuery } from "@tanstack/react-query";
import type { ControlSchemas, RolloutDetail } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import { request } from "../api/request.js";

const REFRESH_MS = 3_000;

/** The current or latest rollout; null if there was none. */
export function useRollout() {
  return useQuery({
    queryKey: ["rollout"],
    queryFn: async ({ signal }) => {
      const { rollouts } = await request<ControlSchemas["Rollouts"]>(`${CONTROL}/rollouts`, { signal });
      const [newest] = rollouts;
      if (newest === undefined) return null;
      return request<RolloutDetail>(`${CONTROL}/rollouts/${encodeURIComponent(newest.model)}`, { signal });
    },
    refetchInterval: REFRESH_MS,
  });
}
