import { z } from "zod";
import type { CaseRow } from "../contract/cases.js";
import { outcomeOf } from "../decisions/decision-rows.js";
import type { ShowToken } from "../requests/mask-token.js";

const verdict = z.enum(["fraud", "genuine"]);

/** A verdict that waits for a second user. */
export const pendingVerdict = z.object({
  verdict,
  reason: z.string(),
  note: z.string(),
  by: z.object({ id: z.string(), name: z.string() }),
  atMs: z.number(),
});

export const caseRow = z.object({
  id: z.string(),
  card_token: z.string(),
  status: z.enum(["open", "snoozed", "closed"]),
  outcome: z.number(),
  score: z.number().nullable(),
  payments: z.number(),
  amount_minor: z.coerce.number(),
  currency: z.string(),
  reasons: z.array(z.string()),
  opened_at_ms: z.coerce.number(),
  changed_at_ms: z.coerce.number(),
  due_at_ms: z.coerce.number(),
  snoozed_until_ms: z.coerce.number().nullable(),
  assignee_id: z.string().nullable(),
  assignee_name: z.string().nullable(),
  is_escalated: z.boolean(),
  verdict: verdict.nullable(),
  revision: z.number(),
  pending: pendingVerdict.nullable(),
  undo_until_ms: z.coerce.number().nullable(),
  last_change: z.string(),
});
export type KnownCase = z.infer<typeof caseRow>;

export const CASE_COLUMNS = Object.keys(caseRow.shape)
  .map((name) => `c.${name}`)
  .join(", ");

/** A case whose snooze has ended is open. */
function statusOf({ status, snoozed_until_ms: until }: KnownCase, nowMs: number): CaseRow["status"] {
  return status === "snoozed" && until !== null && until <= nowMs ? "open" : status;
}

export function toCaseRow(row: KnownCase, show: ShowToken): CaseRow {
  const status = statusOf(row, Date.now());
  const { assignee_id: id, assignee_name: name } = row;
  return {
    id: row.id,
    status,
    cardToken: show(row.card_token),
    outcome: outcomeOf(row.outcome),
    score: row.score,
    payments: row.payments,
    amountMinor: row.amount_minor,
    currency: row.currency,
    reasons: row.reasons,
    openedAtMs: row.opened_at_ms,
    changedAtMs: row.changed_at_ms,
    dueAtMs: row.due_at_ms,
    snoozedUntilMs: status === "snoozed" ? row.snoozed_until_ms : null,
    assignee: id === null ? null : { id, name: name ?? id },
    isEscalated: row.is_escalated,
    verdict: row.verdict,
    undoUntilMs: row.undo_until_ms !== null && row.undo_until_ms > Date.now() ? row.undo_until_ms : null,
    revision: row.revision,
  };
}
