import { randomUUID } from "node:crypto";
import { auditEvent } from "@tripline/contracts/audit/audit-entry";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";

/** An action or a view event of a user. Must not contain personal data in clear text; use ids and tokens. */
export interface NotedEvent {
  /** Empty if the event concerns all tenants. */
  readonly tenant: string;
  readonly actor: string;
  readonly actorKind: "client" | "person" | "service";
  /** For example `policy-activated`. */
  readonly action: string;
  readonly subjectKind: string;
  readonly subjectId: string;
  /** Further details; up to 16 KiB as JSON. */
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * Records an audit event in the action's transaction, so that either both are stored or neither. `AuditPublisher` sends
 * it to Kafka afterwards. The table, defined as in apps/control/migrations/0010-audit-log.sql, is in the service's
 * schema.
 *
 * @param source the service, which is also the name of its schema
 * @throws TriplineError `internal` for an event that the audit log would reject
 */
export async function noteAudit(transaction: Queries, source: string, noted: NotedEvent): Promise<void> {
  const event = auditEvent.safeParse({
    ...noted,
    details: JSON.stringify(noted.details),
    eventId: randomUUID(),
    atMs: Date.now(),
    source,
  });
  if (!event.success) throw new TriplineError("internal", `The audit event is invalid: ${event.error.message}`);
  const { eventId, tenant, actor, actorKind, action, subjectKind, subjectId, details, atMs } = event.data;
  await transaction.execute(
    `INSERT INTO ${source}.audit_outbox
      (event_id, tenant, actor, actor_kind, action, subject_kind, subject_id, details, at_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [eventId, tenant, actor, actorKind, action, subjectKind, subjectId, details, atMs],
  );
}
