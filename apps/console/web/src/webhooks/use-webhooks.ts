import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ControlSchemas, WebhookDeliveryPage } from "../api/control.js";
import { CONTROL } from "../api/control.js";
import type { RequestOptions } from "../api/request.js";
import { queryString, request } from "../api/request.js";

const KEY = "webhooks";
const ENDPOINTS = `${CONTROL}/webhooks/endpoints`;
const PAGE_ROWS = 50;
const REFRESH_MS = 5_000;
/** Maximum number of requests for one replay. Each replays up to 10,000 events. */
const REPLAYS_MAX = 100;

export function useEndpoints() {
  return useQuery({
    queryKey: [KEY, "endpoints"],
    queryFn: ({ signal }) => request<ControlSchemas["WebhookEndpoints"]>(ENDPOINTS, { signal }),
    refetchInterval: REFRESH_MS,
  });
}

export interface DeliveryFilter {
  readonly endpoint: string;
  readonly type: string;
  readonly state: string;
}

export function useDeliveries(filter: DeliveryFilter) {
  return useInfiniteQuery({
    queryKey: [KEY, "deliveries", filter],
    queryFn: ({ pageParam, signal }) =>
      request<WebhookDeliveryPage>(
        `${CONTROL}/webhooks/deliveries${queryString({ ...filter, before: pageParam, limit: PAGE_ROWS })}`,
        { signal },
      ),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    // Does not refresh while the user is reading older pages.
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : REFRESH_MS),
  });
}

export interface EndpointForm {
  readonly url: string;
  readonly description: string;
  readonly event_types: readonly string[];
}

/** A change to an endpoint. Without `id`, it creates an endpoint. */
export interface EndpointChange extends Pick<RequestOptions, "method" | "body"> {
  readonly id?: string;
  readonly step?: "secret" | "test";
}

/** Fields in which the responses to changes differ. */
export type EndpointChanged = Partial<
  ControlSchemas["WebhookSecret"] & ControlSchemas["WebhookTest"] & Pick<ControlSchemas["WebhookReplay"], "replayed">
>;

export interface Replay {
  readonly id: string;
  readonly replay: { readonly event_id: string } | { readonly from: string; readonly to: string };
}

export function useEndpointChange() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (change: EndpointChange | Replay): Promise<EndpointChanged> => {
      if ("replay" in change) return replayAll(change);
      const { id, step, method = "POST", body } = change;
      const path = [ENDPOINTS, id, step].filter((part) => part !== undefined).join("/");
      return (await request<EndpointChanged | undefined>(path, { method, body })) ?? {};
    },
    onSettled: () => client.invalidateQueries({ queryKey: [KEY] }),
    // A secret is shown once and not cached.
    gcTime: 0,
  });
}

/** A long time range needs several requests. */
async function replayAll({ id, replay }: Replay): Promise<EndpointChanged> {
  let replayed = 0;
  let from: object = {};
  for (let count = 0; count < REPLAYS_MAX; count += 1) {
    const body = { ...replay, ...from };
    const done = await request<ControlSchemas["WebhookReplay"]>(`${ENDPOINTS}/${id}/replay`, { method: "POST", body });
    replayed += done.replayed;
    if (done.next === null) break;
    from = { from: done.next };
  }
  return { replayed };
}
