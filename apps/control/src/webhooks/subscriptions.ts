import { Inject, Injectable } from "@nestjs/common";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { counter } from "@tripline/telemetry/metrics";
import { z } from "zod";
import { BACKGROUND } from "../background.js";

/** Maximum number of waiting deliveries per endpoint, checked every ten seconds. Further events count as missed. */
export const PENDING_MAX = 100_000;

const subscriptionRow = z
  .object({
    id: z.string(),
    tenant: z.string(),
    event_types: z.array(z.string()),
    created_at: z.date(),
    is_full: z.boolean(),
  })
  .transform((row) => ({
    id: row.id,
    tenant: row.tenant,
    types: new Set<string>(row.event_types),
    createdAtMs: row.created_at.getTime(),
    /** Too many events are waiting for the endpoint. */
    isFull: row.is_full,
  }));
export type Subscription = z.infer<typeof subscriptionRow>;

/** The event types to which each endpoint subscribes. */
@Injectable()
export class Subscriptions {
  readonly #missed = counter("tripline_control_webhook_missed_events_total", {
    description: "Events that were not stored for a webhook endpoint because too many events were waiting",
  });

  constructor(@Inject(BACKGROUND) private readonly database: Database) {}

  /** Includes paused endpoints, whose events wait. */
  read(): Promise<Subscription[]> {
    return this.database.query(
      subscriptionRow,
      `SELECT id, tenant, event_types, created_at, is_full FROM control.webhook_endpoints WHERE NOT is_removed`,
    );
  }

  /** @param endpointIds one endpoint ID for each missed event */
  async noteMissed(transaction: Queries, endpointIds: readonly string[]): Promise<void> {
    if (endpointIds.length === 0) return;
    await transaction.execute(
      `UPDATE control.webhook_endpoints e SET missed_events = e.missed_events + n.count
       FROM (SELECT id, count(*) FROM unnest($1::uuid[]) AS missed (id) GROUP BY id) n WHERE n.id = e.id`,
      [endpointIds],
    );
    this.#missed.inc(endpointIds.length);
  }
}
