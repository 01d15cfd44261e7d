import { z } from "zod";

/* The parts of the control plane's responses that the commands use. */

export const shownEndpoint = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string(),
  event_types: z.array(z.string()),
  paused_because: z.string().nullable(),
  failures: z.number(),
  failing_since: z.string().nullable(),
  missed_events: z.number(),
});
export type ShownEndpoint = z.infer<typeof shownEndpoint>;

export const shownEndpoints = z.object({ endpoints: z.array(shownEndpoint) });
export const shownNew = z.object({ endpoint: shownEndpoint, secret: z.string() });
export const shownSecret = z.object({ secret: z.string() });
export const shownTest = z.object({ event_id: z.string() });
export const shownReplay = z.object({ replayed: z.number(), next: z.string().nullable() });

export const shownDelivery = z.object({
  endpoint_id: z.string(),
  event_id: z.string(),
  event_type: z.string(),
  occurred_at: z.string(),
  state: z.string(),
  attempts: z.number(),
  is_overtaken: z.boolean(),
  next_attempt_at: z.string().nullable(),
  last_status: z.number().nullable(),
  last_error: z.string().nullable(),
});
export type ShownDelivery = z.infer<typeof shownDelivery>;

export const shownDeliveries = z.object({ deliveries: z.array(shownDelivery), next: z.number().nullable() });

/** Describes whether an endpoint is paused or failing and how many events it missed; empty if all is well. */
export function conditionOf({ paused_because, failures, failing_since, missed_events }: ShownEndpoint): string {
  const conditions = [
    paused_because === null ? "" : `paused (${paused_because})`,
    paused_because === null && failing_since !== null ? `failing since ${failing_since} (${failures} attempts)` : "",
    missed_events > 0 ? `${missed_events} events missed` : "",
  ];
  return conditions.filter((text) => text !== "").join(", ");
}

/** Describes the attempts to make a delivery and the last result. */
export function resultOf({ last_status, last_error, state, attempts, ...delivery }: ShownDelivery): string {
  const last = last_status === null ? (last_error ?? "") : `status ${last_status}`;
  const next = delivery.next_attempt_at === null ? "" : `next attempt ${delivery.next_attempt_at}`;
  const overtaken = delivery.is_overtaken && state === "pending" ? "overtaken" : "";
  const tried = `${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
  return [tried, last, next, overtaken].filter((text) => text !== "").join(", ");
}
