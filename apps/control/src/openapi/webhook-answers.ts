import { z } from "zod";
import { PAUSE_REASONS } from "../webhooks/endpoint-store.js";
import { DELIVERY_STATES } from "../webhooks/webhook-requests.js";

const time = z.iso.datetime();

const endpoint = z
  .object({
    id: z.uuid(),
    url: z.string(),
    description: z.string(),
    event_types: z.array(z.string()),
    created_at: time,
    created_by: z.string(),
    updated_at: time,
    paused_because: z
      .enum(PAUSE_REASONS)
      .nullable()
      .meta({
        description:
          "null if active. `user`: paused by a user. `gone`: the receiver answered 410. `failing`: the receiver accepted nothing for " +
          "three days.",
      }),
    paused_at: time.nullable(),
    failures: z.int().meta({ description: "Failed attempts since the last success." }),
    failing_since: time.nullable(),
    missed_events: z.int().meta({
      description:
        "Events that were not stored because more than 100,000 were waiting. Resuming the endpoint resets the number.",
    }),
  })
  .meta({ id: "WebhookEndpoint" });
const secret = z.string().meta({ description: "Signing secret, `whsec_…`. It is not shown again." });

const delivery = z
  .object({
    sequence: z.int(),
    endpoint_id: z.uuid(),
    event_id: z.string().meta({ description: "The message's `webhook-id`." }),
    event_type: z.string(),
    occurred_at: time,
    state: z.enum(DELIVERY_STATES),
    attempts: z.int(),
    is_overtaken: z.boolean().meta({
      description: "True if it failed six times, so later events of the same case or object did not wait for it.",
    }),
    last_attempt_at: time.nullable(),
    next_attempt_at: time.nullable(),
    last_status: z
      .int()
      .nullable()
      .meta({ description: "HTTP status of the response; null if there was no response." }),
    last_error: z.string().nullable().meta({
      description: "Why there was no response, such as ECONNREFUSED, TIMEOUT, webhook-url-refused or expired.",
    }),
  })
  .meta({ id: "WebhookDelivery" });

/** Responses about webhooks. */
export const WEBHOOK_ANSWERS = {
  webhookEndpoints: z.object({ endpoints: z.array(endpoint) }),
  webhookEndpoint: endpoint,
  newWebhookEndpoint: z.object({ endpoint, secret }),
  webhookSecret: z.object({ secret }),
  webhookTest: z.object({ event_id: z.string() }),
  webhookReplay: z.object({
    replayed: z.int(),
    next: time.nullable().meta({
      description:
        "Value of `from` for the next request, if more events match than one request replays; null if all were replayed.",
    }),
  }),
  webhookDeliveries: z.object({
    deliveries: z.array(delivery),
    next: z.int().nullable().meta({ description: "Value of `before` for the next page; null on the last page." }),
  }),
};
