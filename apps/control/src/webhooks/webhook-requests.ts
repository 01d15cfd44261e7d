import { WEBHOOK_EVENT_TYPES, WEBHOOK_TEST_EVENT } from "@tripline/contracts/webhook-events";
import { z } from "zod";
import { time, writtenText } from "../requests/request-schemas.js";

const DESCRIPTION_CHARACTERS_MAX = 200;
const URL_CHARACTERS_MAX = 2_048;
const OVERLAP_HOURS_DEFAULT = 24;
const OVERLAP_HOURS_MAX = 168;
const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

export const DELIVERY_STATES = ["pending", "delivered", "failed"] as const;

const eventType = z.enum(WEBHOOK_EVENT_TYPES, `must be one of ${WEBHOOK_EVENT_TYPES.join(", ")}`);

const settings = {
  url: z.string().min(1).max(URL_CHARACTERS_MAX, `must have at most ${URL_CHARACTERS_MAX} characters`),
  description: writtenText(DESCRIPTION_CHARACTERS_MAX).default(""),
  event_types: z
    .array(eventType)
    .min(1, "must contain at least one event type")
    .max(WEBHOOK_EVENT_TYPES.length)
    .refine((types) => new Set(types).size === types.length, "must contain each event type only once"),
};

export const newEndpoint = z.strictObject(settings);
export type NewEndpoint = z.infer<typeof newEndpoint>;

/** All settings of an endpoint. */
export const endpointSettings = z.strictObject({
  ...settings,
  is_paused: z.boolean().default(false).meta({ description: "While paused, events wait for up to three days." }),
});
export type EndpointSettings = z.infer<typeof endpointSettings>;

export const endpointId = z.object({ endpoint: z.uuid("must be the ID of an endpoint") });

export const rotation = z.strictObject({
  overlap_hours: z.int().min(0).max(OVERLAP_HOURS_MAX).default(OVERLAP_HOURS_DEFAULT).meta({
    description:
      "How long messages are also signed with the old secret. If 0, the old secret stops working immediately.",
  }),
});

const eventId = z.string().regex(/^evt_[0-9a-f]{32}$/, "must be the ID of an event, such as evt_…");

/** One event, or the events of a time range. */
export const replay = z
  .strictObject({
    event_id: eventId.optional(),
    from: time.optional().meta({ description: "Events that occurred at this time or later." }),
    to: time.optional().meta({ description: "Events that occurred before this time." }),
    state: z.enum(["delivered", "failed"]).optional().meta({ description: "Only events with this state." }),
  })
  .refine(({ event_id, from, to }) => (event_id === undefined) === (from !== undefined && to !== undefined), {
    path: ["event_id"],
    message: "is required unless both `from` and `to` are given",
  });
export type Replay = z.infer<typeof replay>;

/** A search of the delivery log, newest first. */
export const deliverySearch = z.strictObject({
  /** Read by `managedBy`. */
  tenant: z.string().optional(),
  endpoint: endpointId.shape.endpoint.optional(),
  event_id: eventId.optional(),
  type: z.enum([...WEBHOOK_EVENT_TYPES, WEBHOOK_TEST_EVENT]).optional(),
  state: z.enum(DELIVERY_STATES).optional(),
  from: time.optional(),
  to: time.optional(),
  before: z.coerce
    .number()
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .default(Number.MAX_SAFE_INTEGER)
    .meta({ description: "Only deliveries with a lower number. Use the `next` value of the previous page." }),
  limit: z.coerce.number("must be a number").int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
});
export type DeliverySearch = z.infer<typeof deliverySearch>;
