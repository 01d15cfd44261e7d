import { randomUUID } from "node:crypto";
import type { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { CaseEventKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { ConsoleConfig } from "../config.js";
import { OUTCOME_NUMBERS, outcomeOf } from "../decisions/decision-rows.js";

/** Decides which payments open a case and when it is due. */
export interface CaseOpening {
  readonly outcomes: ReadonlySet<Outcome>;
  readonly dueAfterMs: (tenant: string, outcome: Outcome) => number;
}

const HOUR_MS = 3_600_000;

/** Injects a `CaseOpening`. */
export const CASE_OPENING = Symbol("CASE_OPENING");

export function caseOpening(config: Pick<ConsoleConfig, "CASE_OUTCOMES" | "CASE_HOURS">): CaseOpening {
  const outcomes = new Set(config.CASE_OUTCOMES.map((outcome) => OUTCOME_NUMBERS[outcome]));
  return { outcomes, dueAfterMs: (tenant, outcome) => config.CASE_HOURS(tenant, outcomeOf(outcome)) * HOUR_MS };
}

const candidateRow = z.object({
  transaction_id: z.string(),
  tenant: z.string(),
  card_token: z.string(),
  outcome: z.number(),
  decided_at_ms: z.coerce.number(),
});
type Candidate = z.infer<typeof candidateRow>;

const caseRow = z.object({ id: z.string(), tenant: z.string(), card_token: z.string(), is_new: z.boolean() });

/**
 * Adds stopped payments to the open case of their card, and opens one if an outcome requires it. Ignores payments
 * without a decision and payments with a label.
 *
 * @param ids IDs of payments that may be new to the cases
 */
export async function openCases(
  queries: Queries,
  ids: readonly string[],
  opening: CaseOpening,
  nowMs: number,
): Promise<void> {
  if (ids.length === 0) return;
  const candidates = await queries.query(
    candidateRow,
    `SELECT p.transaction_id, p.tenant, p.card_token, d.outcome, d.decided_at_ms
     FROM console.payments p JOIN console.decisions d USING (transaction_id)
     WHERE p.transaction_id = ANY($1) AND d.outcome > 1
       AND NOT EXISTS (SELECT FROM console.case_payments c WHERE c.transaction_id = p.transaction_id)
       AND NOT EXISTS (SELECT FROM console.labels l WHERE l.transaction_id = p.transaction_id)
     ORDER BY d.decided_at_ms`,
    [ids],
  );
  if (candidates.length === 0) return;
  const cases = await casesOf(queries, candidates, opening, nowMs);
  const placed = candidates.flatMap((candidate) => {
    const caseId = cases.get(cardOf(candidate));
    return caseId === undefined ? [] : [{ id: candidate.transaction_id, caseId }];
  });
  if (placed.length === 0) return;
  await queries.execute(
    `INSERT INTO console.case_payments (transaction_id, case_id, tenant, client_transaction_id, terminal_id, outcome, score,
       amount_minor, currency, reason_codes, occurred_at_ms, decided_at_ms)
     SELECT p.transaction_id, new.case_id, p.tenant, p.client_transaction_id, p.terminal_id, d.outcome, d.score,
       p.amount_minor, p.currency, d.reason_codes, p.occurred_at_ms, d.decided_at_ms
     FROM unnest($1::text[], $2::uuid[]) AS new (transaction_id, case_id)
     JOIN console.payments p USING (transaction_id) JOIN console.decisions d USING (transaction_id)`,
    [placed.map(({ id }) => id), placed.map(({ caseId }) => caseId)],
  );
  await sumUp(queries, [...new Set(placed.map(({ caseId }) => caseId))], nowMs);
}

/** The open case of each card, by `cardOf`, with new ones for cards with a payment that opens one. */
async function casesOf(
  queries: Queries,
  candidates: readonly Candidate[],
  { outcomes, dueAfterMs }: CaseOpening,
  nowMs: number,
): Promise<ReadonlyMap<string, string>> {
  const openers = new Map<string, Candidate & { readonly due_at_ms: number }>();
  for (const candidate of candidates) {
    if (!outcomes.has(candidate.outcome)) continue;
    const { tenant, outcome, decided_at_ms } = candidate;
    const dueMs = decided_at_ms + dueAfterMs(tenant, outcome);
    const first = openers.get(cardOf(candidate));
    openers.set(cardOf(candidate), { ...(first ?? candidate), due_at_ms: Math.min(dueMs, first?.due_at_ms ?? dueMs) });
  }
  const opened = [...openers.values()];
  // The update locks an existing case. If a user is closing it, this waits and then opens a new case. A later payment
  // can make a case due earlier, because of its outcome.
  await queries.execute(
    `INSERT INTO console.cases (id, tenant, card_token, opened_at_ms, changed_at_ms, due_at_ms)
     SELECT id, tenant, card_token, decided_at_ms, $5, due_at_ms
     FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $6::bigint[])
       AS new (id, tenant, card_token, decided_at_ms, due_at_ms)
     ORDER BY tenant, card_token
     ON CONFLICT (tenant, card_token) WHERE status <> 'closed'
     DO UPDATE SET changed_at_ms = excluded.changed_at_ms, due_at_ms = least(cases.due_at_ms, excluded.due_at_ms)`,
    [
      ...[opened.map(() => randomUUID()), opened.map(({ tenant }) => tenant)],
      ...[
        opened.map(({ card_token }) => card_token),
        opened.map(({ decided_at_ms }) => decided_at_ms),
        nowMs,
        opened.map(({ due_at_ms }) => due_at_ms),
      ],
    ],
  );
  // Locked until the sums are updated, and in the same order everywhere, to avoid deadlocks.
  const rows = await queries.query(
    caseRow,
    `SELECT id, tenant, card_token, payments = 0 AS is_new FROM console.cases
     WHERE status <> 'closed' AND (tenant, card_token) IN (SELECT * FROM unnest($1::text[], $2::text[]))
     ORDER BY tenant, card_token FOR UPDATE`,
    [candidates.map(({ tenant }) => tenant), candidates.map(({ card_token }) => card_token)],
  );
  return new Map(rows.map((row) => [cardOf(row), row.id]));
}

const cardOf = ({ tenant, card_token }: Pick<Candidate, "tenant" | "card_token">): string => `${tenant}/${card_token}`;

const REASONS_MAX = 10;

/** Updates the totals. A new payment is a change and ends a snooze, because users must see it before a verdict. */
async function sumUp(queries: Queries, caseIds: readonly string[], nowMs: number): Promise<void> {
  await queries.execute(
    `WITH newest AS (
       SELECT DISTINCT ON (case_id) case_id, currency FROM console.case_payments WHERE case_id = ANY($1)
       ORDER BY case_id, decided_at_ms DESC, transaction_id
     ), sums AS (
       SELECT p.case_id, n.currency, count(*) AS payments, max(p.outcome) AS outcome, max(p.score) AS score,
         sum(p.amount_minor) FILTER (WHERE p.currency = n.currency) AS amount
       FROM console.case_payments p JOIN newest n USING (case_id) GROUP BY p.case_id, n.currency
     ), events AS (
       INSERT INTO console.case_events (case_id, at_ms, text)
       SELECT c.id, $2::bigint, CASE WHEN c.payments = 0 THEN 'Opened with ' ELSE 'Added ' END ||
         CASE WHEN s.payments - c.payments = 1 THEN '1 payment.' ELSE (s.payments - c.payments) || ' payments.' END
       FROM console.cases c JOIN sums s ON s.case_id = c.id
     ), opened AS (
       INSERT INTO console.case_outbox (case_id, tenant, kind, revision, at_ms, payments)
       SELECT c.id, c.tenant, $3::smallint, c.revision + 1, $2::bigint, s.payments
       FROM console.cases c JOIN sums s ON s.case_id = c.id WHERE c.payments = 0
     )
     UPDATE console.cases c SET payments = s.payments, outcome = s.outcome, score = s.score, amount_minor = s.amount,
       currency = s.currency, revision = c.revision + 1, changed_at_ms = $2, status = 'open', snoozed_until_ms = NULL,
       pending = NULL,
       last_change = CASE WHEN c.payments = 0 THEN 'It was opened.' ELSE 'A payment of the card was added.' END,
       reasons = ARRAY(
         SELECT code FROM console.case_payments p, unnest(p.reason_codes) AS code WHERE p.case_id = c.id
         GROUP BY code ORDER BY count(*) DESC, code LIMIT ${REASONS_MAX}
       )
     FROM sums s WHERE s.case_id = c.id`,
    [caseIds, nowMs, CaseEventKind.OPENED],
  );
}
