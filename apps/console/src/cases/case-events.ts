import { CaseEventKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { KnownCase } from "./case-rows.js";

/**
 * Returns the kind of event that a change to a case publishes, or undefined if it publishes none, such as a new note.
 *
 * @param before the case before the change
 * @param after the case after the change
 */
export function eventOf(before: KnownCase, after: KnownCase): CaseEventKind | undefined {
  if (before.status !== "closed" && after.status === "closed") return CaseEventKind.CLOSED;
  if (before.status === "closed" && after.status !== "closed") return CaseEventKind.REOPENED;
  if (before.assignee_id === after.assignee_id) return undefined;
  return after.assignee_id === null ? CaseEventKind.UNASSIGNED : CaseEventKind.ASSIGNED;
}

/** Queues an event in the transaction that changes the case. `CaseEventPublisher` sends it to Kafka. */
export async function queueCaseEvent(
  transaction: Queries,
  tenant: string,
  kind: CaseEventKind,
  changed: KnownCase,
): Promise<void> {
  const { id, revision, changed_at_ms, assignee_id, verdict, payments } = changed;
  await transaction.execute(
    `INSERT INTO console.case_outbox (case_id, tenant, kind, revision, at_ms, assignee_id, verdict, payments)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      ...[id, tenant, kind, revision, changed_at_ms],
      kind === CaseEventKind.ASSIGNED ? assignee_id : "",
      ...[kind === CaseEventKind.CLOSED ? verdict : "", payments],
    ],
  );
}

/** Holds the event of a case that the transaction closes. The labels of the case wait until the same time. */
export async function holdEvent(queries: Queries, found: KnownCase, untilMs: number, labels: number): Promise<void> {
  await queries.execute(
    "UPDATE console.case_outbox SET held_until_ms = $3, labels = $4 WHERE case_id = $1 AND revision = $2",
    [found.id, found.revision + 1, untilMs, labels],
  );
}
