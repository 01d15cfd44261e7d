import { randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { WEBHOOK_TEST_EVENT } from "@tripline/contracts/webhook-events";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Managed } from "../requests/managed-tenant.js";
import { note } from "./endpoint-store.js";
import { GIVE_UP_HOURS } from "./retry-schedule.js";
import type { DeliverySearch, Replay } from "./webhook-requests.js";
import { DELIVERY_STATES } from "./webhook-requests.js";
import { messageBody, messageId } from "./write-message.js";

/** Maximum number of deliveries that one request can replay. Larger ranges need several requests. */
const REPLAYED_MAX = 10_000;

const deliveryRow = z.object({
  sequence: z.coerce.number(),
  endpoint_id: z.string(),
  event_id: z.string(),
  event_type: z.string(),
  occurred_at: z.date(),
  state: z.enum(DELIVERY_STATES),
  attempts: z.number(),
  is_overtaken: z.boolean(),
  last_attempt_at: z.date().nullable(),
  next_attempt_at: z.date().nullable(),
  last_status: z.number().nullable(),
  last_error: z.string().nullable(),
});
export type DeliveryRow = z.infer<typeof deliveryRow>;

const COLUMNS = Object.keys(deliveryRow.shape)
  .map((name) =>
    name === "next_attempt_at" ? "CASE WHEN state = 'pending' THEN next_attempt_at END AS next_attempt_at" : name,
  )
  .join(", ");

/** An event for one endpoint, ready to be stored. */
export interface NewDelivery {
  readonly endpointId: string;
  readonly eventId: string;
  readonly tenant: string;
  readonly type: string;
  readonly orderKey: string | null;
  readonly payload: string;
  readonly occurredAtMs: number;
}

/**
 * Adds deliveries in the given order. Existing deliveries are skipped, so an event that is read twice is sent once.
 * Deliveries to endpoints that have since been removed are skipped as well.
 */
export async function addDeliveries(queries: Queries, added: readonly NewDelivery[]): Promise<number> {
  if (added.length === 0) return 0;
  const column = <K extends keyof NewDelivery>(name: K) => added.map((one) => one[name]);
  return queries.execute(
    `INSERT INTO control.webhook_deliveries
       (endpoint_id, event_id, tenant, event_type, order_key, payload, occurred_at, gives_up_at)
     SELECT e.id, new.event_id, e.tenant, new.type, new.order_key, new.payload, to_timestamp(new.at_ms / 1000.0),
       now() + interval '${GIVE_UP_HOURS} hours'
     FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]) WITH ORDINALITY
       AS new (endpoint_id, event_id, tenant, type, order_key, payload, at_ms, place)
     JOIN control.webhook_endpoints e ON e.id = new.endpoint_id AND e.tenant = new.tenant AND NOT e.is_removed
     ORDER BY new.place ON CONFLICT DO NOTHING`,
    [
      ...[column("endpointId"), column("eventId"), column("tenant"), column("type"), column("orderKey")],
      ...[column("payload"), column("occurredAtMs")],
    ],
  );
}

/** The delivery logs of all tenants. */
@Injectable()
export class DeliveryStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** @returns deliveries, newest first, and the cursor of the next page, if any */
  async search(tenant: string, wanted: DeliverySearch): Promise<{ deliveries: DeliveryRow[]; next: number | null }> {
    const { endpoint, event_id, type, state, from, to, before, limit } = wanted;
    const found = await this.database.query(
      deliveryRow,
      `SELECT ${COLUMNS} FROM control.webhook_deliveries d
       WHERE tenant = $1 AND sequence < $2 AND ($3::uuid IS NULL OR endpoint_id = $3) AND ($4::text IS NULL OR event_id = $4)
         AND ($5::text IS NULL OR event_type = $5) AND ($6::text IS NULL OR state = $6)
         AND ($7::timestamptz IS NULL OR occurred_at >= $7) AND ($8::timestamptz IS NULL OR occurred_at < $8)
         AND NOT EXISTS (SELECT FROM control.webhook_endpoints e WHERE e.id = d.endpoint_id AND e.is_removed)
       ORDER BY sequence DESC LIMIT $9`,
      [tenant, before, endpoint, event_id, type, state, from, to, limit + 1],
    );
    const deliveries = found.slice(0, limit);
    return { deliveries, next: found.length > limit ? (deliveries.at(-1)?.sequence ?? null) : null };
  }

  /** Queues a test event. @returns its ID */
  async test(by: Managed, endpointId: string): Promise<string> {
    const sourceId = randomUUID();
    const eventId = messageId(by.tenant, WEBHOOK_TEST_EVENT, sourceId);
    const occurredAtMs = Date.now();
    const payload = messageBody({ type: WEBHOOK_TEST_EVENT, atMs: occurredAtMs, data: { endpoint_id: endpointId } });
    const added = {
      endpointId,
      eventId,
      tenant: by.tenant,
      type: WEBHOOK_TEST_EVENT,
      orderKey: null,
      payload,
      occurredAtMs,
    };
    await this.database.transaction(async (transaction) => {
      await addDeliveries(transaction, [added]);
      await note(transaction, by, "tested", endpointId, { event: eventId });
    });
    return eventId;
  }

  /**
   * Resends events that were delivered or failed, with the same IDs and in their original order.
   *
   * @returns the number of events, and the time from which the next request must continue, if events remain
   */
  replay(by: Managed, endpointId: string, wanted: Replay): Promise<{ replayed: number; next: Date | null }> {
    const { event_id, from, to, state } = wanted;
    return this.database.transaction(async (transaction) => {
      const found = await transaction.query(
        deliveryRow.pick({ event_id: true, occurred_at: true }),
        `SELECT event_id, occurred_at FROM control.webhook_deliveries
         WHERE endpoint_id = $1 AND tenant = $2 AND state <> 'pending' AND ($3::text IS NULL OR event_id = $3)
           AND ($4::timestamptz IS NULL OR occurred_at >= $4) AND ($5::timestamptz IS NULL OR occurred_at < $5)
           AND ($6::text IS NULL OR state = $6)
         ORDER BY occurred_at, sequence LIMIT ${REPLAYED_MAX + 1}`,
        [endpointId, by.tenant, event_id, from, to, state],
      );
      const chosen = found.slice(0, REPLAYED_MAX).map((row) => row.event_id);
      const replayed = await transaction.execute(
        `UPDATE control.webhook_deliveries SET state = 'pending', attempts = 0, is_overtaken = false,
           next_attempt_at = now(), gives_up_at = now() + interval '${GIVE_UP_HOURS} hours'
         WHERE endpoint_id = $1 AND event_id = ANY ($2) AND state <> 'pending'`,
        [endpointId, chosen],
      );
      const range = { event: event_id, from: from?.toISOString(), to: to?.toISOString(), state };
      await note(transaction, by, "replayed", endpointId, { ...range, replayed });
      return { replayed, next: found[REPLAYED_MAX]?.occurred_at ?? null };
    });
  }
}
