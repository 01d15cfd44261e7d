import { randomUUID } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { noteAudit } from "@tripline/nest-kit/audit/note-audit";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { PersonRef } from "../contract/people.js";
import { AUDIT_SOURCE } from "../view-events.js";
import { holdEvent } from "./case-events.js";
import type { Verdict, Worker } from "./case-requests.js";
import type { KnownCase } from "./case-rows.js";
import type { CaseChange } from "./case-store.js";
import { canWork } from "./case-store.js";
import type { FourEyesAmounts } from "./four-eyes.js";
import { needsSecondPerson } from "./four-eyes.js";

/** Actions on a case. Each takes the current case and returns the change, or throws the reason why it is rejected. */

export function snooze(found: KnownCase, untilMs: number): CaseChange {
  requireOpen(found);
  const until = new Date(untilMs).toISOString();
  return { set: { status: "snoozed", snoozed_until_ms: untilMs }, text: `Snoozed the case until ${until}.` };
}

export function escalate(found: KnownCase, by: Worker, note: string): CaseChange {
  requireOpen(found);
  return {
    set: { is_escalated: true },
    text: "Escalated the case.",
    also: (queries) => keepNote(queries, found.id, by, note),
  };
}

/**
 * Reopens a closed case or ends a snooze. Ending a snooze keeps a verdict that awaits a second user. Reopening
 * unassigns a user who has left: the closed case stayed assigned, but an open one would not be offered to anybody else.
 *
 * @param queries the transaction that locks the case
 */
export async function reopen(queries: Queries, found: KnownCase, { tenant }: Worker): Promise<CaseChange> {
  if (found.status === "open") throw new TriplineError("changed-meanwhile", "The case is already open.");
  if (found.status === "snoozed") {
    return { set: { status: "open", snoozed_until_ms: null }, text: "Ended the snooze." };
  }
  const set = { status: "open", verdict: null, pending: null, undo_until_ms: null, ...closedBy(null) };
  if (found.assignee_id === null || (await canWork(queries, tenant, found.assignee_id))) {
    return { set, text: "Reopened the case." };
  }
  return {
    set: { ...set, assignee_id: null, assignee_name: null },
    text: `Reopened the case, and unassigned ${found.assignee_name ?? found.assignee_id}, who can no longer work on cases.`,
  };
}

export interface VerdictRules {
  /** The amounts from which a second user must confirm. */
  readonly fourEyes: FourEyesAmounts;
  /** The time during which a verdict can be undone. */
  readonly holdMs: number;
}

/** @param queries the transaction that locks the case, so that no payment is added concurrently */
export async function giveVerdict(
  queries: Queries,
  found: KnownCase,
  by: Worker,
  given: Verdict,
  { fourEyes, holdMs }: VerdictRules,
): Promise<CaseChange> {
  requireOpen(found);
  const { verdict, reason, note } = given;
  const { pending } = found;
  if (!needsSecondPerson(fourEyes, await sumsOf(queries, found.id))) return close(found, by, given, holdMs);
  if (pending === null) {
    const waiting = { verdict, reason, note, by: by.person, atMs: Date.now() };
    return {
      set: { pending: JSON.stringify(waiting) },
      text: `Requested confirmation by a second user: ${verdict} (${reason}).`,
      also: (queries) => keepNote(queries, found.id, by, note),
    };
  }
  if (pending.by.id === by.person.id) {
    throw new TriplineError("approval-missing", "You gave this verdict, so another user must confirm it.");
  }
  if (pending.verdict !== verdict) {
    const detail = `${pending.by.name} requested confirmation of ${pending.verdict}. Confirm or reject that first.`;
    throw new TriplineError("approval-missing", detail);
  }
  return close(found, by, given, holdMs, pending.by);
}

const sumRow = z.object({ currency: z.string(), sum: z.coerce.number() });

/**
 * Totals of a case's payments in minor units by currency. The case row only has the total in the currency of its newest
 * payment.
 */
export async function sumsOf(queries: Queries, caseId: string): Promise<ReadonlyMap<string, number>> {
  const rows = await queries.query(
    sumRow,
    "SELECT currency, sum(amount_minor) AS sum FROM console.case_payments WHERE case_id = $1 GROUP BY currency",
    [caseId],
  );
  return new Map(rows.map(({ currency, sum }) => [currency, sum]));
}

export function refuseVerdict(found: KnownCase, by: Worker, note: string): CaseChange {
  const { pending } = found;
  if (pending === null) throw new TriplineError("changed-meanwhile", "No verdict is waiting for confirmation.");
  const isOwn = pending.by.id === by.person.id;
  return {
    set: { pending: null },
    text: isOwn
      ? `Withdrew the verdict ${pending.verdict}.`
      : `Rejected the verdict ${pending.verdict} of ${pending.by.name}.`,
    also: (queries) => keepNote(queries, found.id, by, note),
  };
}

function close(
  found: KnownCase,
  by: Worker,
  { verdict, reason, note }: Verdict,
  holdMs: number,
  first?: PersonRef,
): CaseChange {
  const confirmed = first === undefined ? "" : `, as ${first.name} had requested`;
  const untilMs = Date.now() + holdMs;
  return {
    // Keeps the request for this verdict. If the verdict is undone, the request waits for confirmation again.
    set: { status: "closed", verdict, undo_until_ms: untilMs, snoozed_until_ms: null, ...closedBy(by.person) },
    text: `Closed the case as ${verdict} (${reason})${confirmed}.`,
    async also(queries) {
      const asked = first === undefined ? {} : { asked_by: first.id };
      await noteCase(queries, by, found.id, "case-closed", { verdict, reason, payments: found.payments, ...asked });
      await keepNote(queries, found.id, by, note);
      const labels = await queueLabels(queries, found.id, by, verdict === "fraud", untilMs);
      await holdEvent(queries, found, untilMs, labels);
    },
  };
}

/** Records a user's action on a case in the audit log. */
export function noteCase(
  queries: Queries,
  { tenant, person }: Pick<Worker, "tenant" | "person">,
  caseId: string,
  action: string,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  const by = { tenant, actor: person.id, actorKind: "person" } as const;
  return noteAudit(queries, AUDIT_SOURCE, { ...by, action, subjectKind: "case", subjectId: caseId, details });
}

const closedBy = (person: PersonRef | null) => ({
  closed_at_ms: person === null ? null : Date.now(),
  closed_by_id: person?.id ?? null,
  closed_by_name: person?.name ?? null,
});

/**
 * Queues labels in the transaction of the verdict, so that none is lost while ingestion is down.
 *
 * @param fromMs the earliest time at which the labels are sent
 * @returns the number of queued labels
 */
async function queueLabels(
  queries: Queries,
  caseId: string,
  { tenant, person }: Worker,
  isFraud: boolean,
  fromMs: number,
): Promise<number> {
  // Skips payments that already have the same label, unless another label for them is queued. The new label replaces a
  // queued one. A label is never older than its payment.
  return queries.execute(
    `INSERT INTO console.label_outbox AS queued (transaction_id, case_id, tenant, person_id, body, next_try_at_ms)
     SELECT c.transaction_id, c.case_id, c.tenant, $2, jsonb_strip_nulls(jsonb_build_object('transaction_id', c.client_transaction_id,
       'card', jsonb_build_object('token', k.card_token), 'terminal_id', nullif(c.terminal_id, ''),
       'occurred_at_ms', c.occurred_at_ms, 'labelled_at_ms', greatest(c.occurred_at_ms, $4::bigint), 'fraud', $3::bool)), $6
     FROM console.case_payments c JOIN console.cases k ON k.id = c.case_id
     LEFT JOIN console.labels l ON l.transaction_id = c.transaction_id
     WHERE c.case_id = $1 AND c.tenant = $5 AND (l.fraud IS DISTINCT FROM $3
       OR EXISTS (SELECT FROM console.label_outbox q WHERE q.transaction_id = c.transaction_id))
     ON CONFLICT (transaction_id) DO UPDATE SET body = excluded.body, person_id = excluded.person_id, tries = 0,
       next_try_at_ms = excluded.next_try_at_ms`,
    [caseId, person.id, isFraud, Date.now(), tenant, fromMs],
  );
}

export async function keepNote(
  queries: Queries,
  caseId: string,
  { person }: Worker,
  text: string,
): Promise<string | undefined> {
  if (text === "") return undefined;
  const id = randomUUID();
  await queries.execute(
    "INSERT INTO console.case_notes (id, case_id, author_id, author_name, text, at_ms) VALUES ($1, $2, $3, $4, $5, $6)",
    [id, caseId, person.id, person.name, text, Date.now()],
  );
  return id;
}

export function requireOpen(found: KnownCase): void {
  if (found.status === "closed")
    throw new TriplineError("changed-meanwhile", `The case is closed. ${found.last_change}`);
}
