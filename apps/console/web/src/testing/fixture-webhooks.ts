import type { WebhookDelivery, WebhookEndpoint } from "../api/control.js";
import type { Answer, Asked } from "./fixture-request.js";
import { Refusal } from "./fixture-request.js";

const HOUR_MS = 3_600_000;
const MADE = "whsec_made-up-Kq3vT9xLw2";

export interface WebhooksState {
  endpoints: WebhookEndpoint[];
  deliveries: WebhookDelivery[];
}

function endpointOf(id: number, change: Partial<WebhookEndpoint>, at: string): WebhookEndpoint {
  return {
    id: `00000000-0000-4000-8000-${`${id}`.padStart(12, "0")}`,
    url: "",
    description: "",
    event_types: [],
    created_at: at,
    created_by: "ada",
    updated_at: at,
    paused_because: null,
    paused_at: null,
    failures: 0,
    failing_since: null,
    missed_events: 0,
    ...change,
  };
}

export function makeWebhooks(nowMs: number): WebhooksState {
  const ago = (hours: number): string => new Date(nowMs - hours * HOUR_MS).toISOString();
  const endpoints = [
    endpointOf(1, { url: "https://hooks.example.com/tripline", event_types: ["case.opened", "case.closed"] }, ago(90)),
    endpointOf(
      2,
      {
        url: "https://shop.example.com/fraud",
        description: "Holds declined orders",
        event_types: ["decision.decline", "decision.review"],
        failures: 9,
        failing_since: ago(2),
      },
      ago(50),
    ),
  ];
  const delivery = (index: number): WebhookDelivery => {
    const state = (["delivered", "pending", "failed"] as const)[index % 3] ?? "delivered";
    const endpoint = endpoints[state === "delivered" ? 0 : 1];
    return {
      sequence: 100 - index,
      endpoint_id: endpoint?.id ?? "",
      event_id: `evt_${`${index}`.padStart(2, "0").repeat(16)}`,
      event_type: endpoint?.event_types[0] ?? "",
      occurred_at: ago(index),
      state,
      attempts: state === "delivered" ? 1 : 7,
      is_overtaken: state === "pending",
      last_attempt_at: ago(index),
      next_attempt_at: state === "pending" ? ago(-1) : null,
      last_status: state === "pending" ? null : state === "delivered" ? 204 : 500,
      last_error: state === "pending" ? "ECONNREFUSED" : null,
    };
  };
  return { endpoints, deliveries: Array.from({ length: 12 }, (_, index) => delivery(index)) };
}

/** Webhooks, with responses like those of apps/control. */
export function answerWebhooks(state: WebhooksState, asked: Asked, rest: readonly string[], nowMs: number): Answer {
  const { method, query, body, session } = asked;
  const [area, id, step] = rest;
  const now = new Date(nowMs).toISOString();
  if (area === "deliveries") {
    const is = (name: string, value: string): boolean => !query.has(name) || query.get(name) === value;
    const isWanted = (one: WebhookDelivery): boolean =>
      is("endpoint", one.endpoint_id) && is("state", one.state) && is("type", one.event_type);
    return { deliveries: state.deliveries.filter(isWanted), next: null };
  }
  if (id === undefined) {
    if (method === "GET") return { endpoints: state.endpoints };
    const sent = body as WebhookEndpoint;
    if (!sent.url.startsWith("https://")) throw refusedUrl();
    const added = endpointOf(state.endpoints.length + 1, { ...sent, created_by: session.person.id }, now);
    state.endpoints = [...state.endpoints, added];
    return { endpoint: added, secret: MADE };
  }
  if (step === "secret") return { secret: MADE };
  const add = (event: Partial<WebhookDelivery> & Pick<WebhookDelivery, "event_id">): void => {
    const [newest] = state.deliveries;
    if (newest === undefined) return;
    const fresh = { endpoint_id: id, attempts: 1, state: "delivered", last_status: 204, is_overtaken: false } as const;
    const sent = { ...newest, ...fresh, sequence: newest.sequence + 1, occurred_at: now, ...event };
    state.deliveries = [sent, ...state.deliveries.filter(({ event_id }) => event_id !== event.event_id)];
  };
  if (step === "test") {
    const event_id = `evt_${"f".repeat(32)}`;
    add({ event_id, event_type: "webhook.test" });
    return { event_id };
  }
  if (step === "replay") {
    const { event_id } = body as { event_id?: string };
    if (event_id !== undefined) add({ event_id });
    return { replayed: event_id === undefined ? state.deliveries.length : 1, next: null };
  }
  if (method === "DELETE") {
    state.endpoints = state.endpoints.filter((one) => one.id !== id);
    return undefined;
  }
  const { is_paused, ...settings } = body as WebhookEndpoint & { is_paused: boolean };
  const paused = { paused_because: is_paused ? "user" : null, failing_since: null } as const;
  state.endpoints = state.endpoints.map((one) => (one.id === id ? { ...one, ...settings, ...paused } : one));
  return state.endpoints.find((one) => one.id === id);
}

function refusedUrl(): Refusal {
  const refusal = new Refusal(422, "webhook-url-refused", "It must start with https://.", "This URL is not allowed");
  Object.assign(refusal.problem, { errors: [{ pointer: "/url", detail: "It must start with https://." }] });
  return refusal;
}
