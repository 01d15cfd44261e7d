import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { z } from "zod";
import type * as shown from "../contract/decisions.js";
import type { ShowToken } from "../requests/mask-token.js";

/** The API's names of outcomes, from the mildest to the strictest. */
export const OUTCOMES = ["approve", "challenge", "review", "decline"] as const;

export const OUTCOME_NUMBERS: Readonly<Record<shown.Outcome, Outcome>> = {
  approve: Outcome.APPROVE,
  challenge: Outcome.CHALLENGE,
  review: Outcome.REVIEW,
  decline: Outcome.DECLINE,
};

export function outcomeOf(outcome: number): shown.Outcome {
  return OUTCOMES[outcome - 1] ?? "approve";
}

const RUNGS: Readonly<Record<number, shown.Rung>> = {
  [Rung.MODEL]: "model",
  [Rung.SCORECARD]: "scorecard",
  [Rung.RULES_ONLY]: "rules-only",
  [Rung.STATIC_POLICY]: "static-policy",
};

export function rungOf(rung: number): shown.Rung {
  return RUNGS[rung] ?? "static-policy";
}

const reason = z.object({ code: z.string(), text: z.string(), outcome: z.number() });

export const decisionRow = z.object({
  transaction_id: z.string(),
  client_transaction_id: z.string(),
  card_token: z.string(),
  terminal_id: z.string(),
  amount_minor: z.coerce.number(),
  currency: z.string(),
  occurred_at_ms: z.coerce.number(),
  decided_at_ms: z.coerce.number(),
  latency_ms: z.number(),
  outcome: z.number(),
  score: z.number().nullable(),
  rung: z.number(),
  reason: reason.nullable(),
  case_id: z.string().nullable(),
  fraud: z.boolean().nullable(),
  label_source: z.string().nullable(),
  labelled_at_ms: z.coerce.number().nullable(),
});
export type KnownDecision = z.infer<typeof decisionRow>;

/** Columns of `DECISIONS` for `decisionRow`. */
export const DECISION_COLUMNS = `p.transaction_id, p.client_transaction_id, p.card_token, p.terminal_id, p.amount_minor,
  p.currency, p.occurred_at_ms, d.decided_at_ms, d.latency_ms, d.outcome, d.score, d.rung, d.reason, c.case_id, l.fraud,
  l.source AS label_source, l.labelled_at_ms`;

const BESIDE_DECISIONS = `LEFT JOIN console.case_payments c USING (transaction_id)
  LEFT JOIN console.labels l USING (transaction_id)`;

/** Decided payments: those with both a payment and a decision. */
export const DECISIONS = `console.decisions d JOIN console.payments p USING (transaction_id) ${BESIDE_DECISIONS}`;

export function toDecisionRow(row: KnownDecision, show: ShowToken): shown.DecisionRow {
  const { fraud, label_source: source, labelled_at_ms: labelledAtMs } = row;
  return {
    transactionId: row.transaction_id,
    clientTransactionId: row.client_transaction_id,
    cardToken: show(row.card_token),
    terminalId: row.terminal_id,
    amountMinor: row.amount_minor,
    currency: row.currency,
    occurredAtMs: row.occurred_at_ms,
    decidedAtMs: row.decided_at_ms,
    latencyMs: row.latency_ms,
    outcome: outcomeOf(row.outcome),
    score: row.score,
    rung: rungOf(row.rung),
    reason: row.reason === null ? null : { ...row.reason, outcome: outcomeOf(row.reason.outcome) },
    caseId: row.case_id,
    label: fraud === null ? null : { fraud, source: source ?? "", labelledAtMs: labelledAtMs ?? 0 },
  };
}
