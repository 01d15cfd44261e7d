import { randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import type { NewSecret } from "./endpoint-secrets.js";
import { storeSecret } from "./endpoint-secrets.js";
import type { EndpointSettings, NewEndpoint } from "./webhook-requests.js";

const ENDPOINTS_MAX = 10;
/** An arbitrary number that no other program in this database uses for two-key advisory locks. */
const LOCK_CLASS = 711_330;

export const PAUSE_REASONS = ["user", "gone", "failing"] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

export const endpointRow = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string(),
  event_types: z.array(z.string()),
  created_at: z.date(),
  created_by: z.string(),
  updated_at: z.date(),
  paused_because: z.enum(PAUSE_REASONS).nullable(),
  paused_at: z.date().nullable(),
  failures: z.number(),
  failing_since: z.date().nullable(),
  missed_events: z.coerce.number(),
});
export type EndpointRow = z.infer<typeof endpointRow>;

const COLUMNS = Object.keys(endpointRow.shape).join(", ");
const ONE = "tenant = $1 AND id = $2 AND NOT is_removed";
const countRow = z.object({ count: z.coerce.number() });

/** Stores the tenants' endpoints. Another tenant's endpoint is reported as not found. */
@Injectable()
export class EndpointStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** The tenant's endpoints, oldest first. */
  list(tenant: string): Promise<EndpointRow[]> {
    return this.database.query(
      endpointRow,
      `SELECT ${COLUMNS} FROM control.webhook_endpoints WHERE tenant = $1 AND NOT is_removed ORDER BY created_at, id`,
      [tenant],
    );
  }

  /** @throws TriplineError `not-found` */
  async find(tenant: string, id: string): Promise<EndpointRow> {
    return existing(
      await this.database.query(endpointRow, `SELECT ${COLUMNS} FROM control.webhook_endpoints WHERE ${ONE}`, [
        tenant,
        id,
      ]),
    );
  }

  /** @throws TriplineError `invalid-field` if the tenant has too many endpoints */
  add(by: Managed, { url, description, event_types }: NewEndpoint, secret: NewSecret): Promise<EndpointRow> {
    return this.database.transaction(async (transaction) => {
      // Otherwise concurrent requests could exceed the limit.
      await transaction.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", [LOCK_CLASS, by.tenant]);
      const [found] = await transaction.query(
        countRow,
        "SELECT count(*) FROM control.webhook_endpoints WHERE tenant = $1 AND NOT is_removed",
        [by.tenant],
      );
      if ((found?.count ?? 0) >= ENDPOINTS_MAX) {
        const detail = `The tenant already has ${ENDPOINTS_MAX} webhook endpoints, the maximum. Delete one of them first.`;
        throw new TriplineError("invalid-field", detail, [{ pointer: "", detail }]);
      }
      const added = existing(
        await transaction.query(
          endpointRow,
          `INSERT INTO control.webhook_endpoints (id, tenant, url, description, event_types, created_by)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
          [randomUUID(), by.tenant, url, description, event_types, by.actor],
        ),
      );
      await storeSecret(transaction, added.id, secret);
      await note(transaction, by, "created", added.id, { host: new URL(url).host, event_types });
      return added;
    });
  }

  /** Resuming resets the failure count, so that the next failure does not pause the endpoint again. */
  change(by: Managed, id: string, settings: EndpointSettings): Promise<EndpointRow> {
    const { url, description, event_types, is_paused } = settings;
    return this.database.transaction(async (transaction) => {
      const changed = existing(
        await transaction.query(
          endpointRow,
          `UPDATE control.webhook_endpoints SET url = $3, description = $4, event_types = $5, updated_at = now(),
             paused_because = CASE WHEN $6 THEN coalesce(paused_because, 'user') END,
             paused_at = CASE WHEN $6 THEN coalesce(paused_at, now()) END,
             failures = CASE WHEN $6 THEN failures ELSE 0 END,
             failing_since = CASE WHEN $6 THEN failing_since END, rests_until = now(),
             missed_events = CASE WHEN $6 THEN missed_events ELSE 0 END
           WHERE ${ONE} RETURNING ${COLUMNS}`,
          [by.tenant, id, url, description, event_types, is_paused],
        ),
      );
      await note(transaction, by, "changed", id, { host: new URL(url).host, event_types, is_paused });
      return changed;
    });
  }

  /** @throws TriplineError `not-found` */
  remove(by: Managed, id: string): Promise<void> {
    return this.database.transaction(async (transaction) => {
      const count = await transaction.execute(`UPDATE control.webhook_endpoints SET is_removed = true WHERE ${ONE}`, [
        by.tenant,
        id,
      ]);
      if (count === 0) throw notFound();
      await note(transaction, by, "removed", id, {});
    });
  }

  /**
   * Replaces the secret. Until the overlap ends, messages are also signed with the old secret.
   *
   * @throws TriplineError `not-found`
   */
  rotate(by: Managed, id: string, overlapHours: number, secret: NewSecret): Promise<void> {
    return this.database.transaction(async (transaction) => {
      existing(
        await transaction.query(
          endpointRow,
          `SELECT ${COLUMNS} FROM control.webhook_endpoints WHERE ${ONE} FOR UPDATE`,
          [by.tenant, id],
        ),
      );
      // At most two secrets sign messages, so this rotation ends any older secret.
      await transaction.execute(
        "DELETE FROM control.webhook_secrets WHERE endpoint_id = $1 AND signs_until IS NOT NULL",
        [id],
      );
      await transaction.execute(
        "UPDATE control.webhook_secrets SET signs_until = now() + make_interval(hours => $2) WHERE endpoint_id = $1",
        [id, overlapHours],
      );
      await storeSecret(transaction, id, secret);
      await note(transaction, by, "secret-rotated", id, { overlap_hours: overlapHours });
    });
  }
}

export function note(
  transaction: Queries,
  by: Managed,
  what: string,
  id: string,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  return noteAudit(transaction, by, `webhook-endpoint-${what}`, details, { kind: "webhook-endpoint", id });
}

function existing<T>([found]: readonly T[]): T {
  if (found === undefined) throw notFound();
  return found;
}

function notFound(): TriplineError {
  return new TriplineError("not-found", "This webhook endpoint does not exist.");
}
