import type { Decision, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { SWITCHED_OFF } from "../conditions/evaluate-rules.js";
import { RAISED_BY } from "../explain-decision.js";
import { isExplored } from "../exploration/explore-decline.js";
import type { BacktestRow } from "./backtest-row.js";
import { segmentsOf } from "./backtest-row.js";

/** A payment with the decision that would result if shadow rules decided as well. @param isNotPaid as in `BacktestRow` */
export function shadowRow(
  decision: Decision,
  transaction: Transaction,
  isFraud: boolean | undefined,
  isNotPaid = false,
): BacktestRow {
  const { outcome, explorationProbability = 1, reasons, shadowHits, skippedRules } = decision;
  // The policy declined an explored payment, so a shadow rule that also declines it changes nothing.
  const decided = isExplored(decision) ? Outcome.DECLINE : outcome;
  const { transactionId, cardToken, amountMinor, currency, occurredAtMs } = transaction;
  const codes = reasons.map(({ code }) => code).filter((code) => !code.startsWith(RAISED_BY));
  return {
    transactionId,
    cardToken,
    amountMinor,
    currency,
    occurredAtMs,
    isFraud,
    isNotPaid,
    decided,
    failure: "",
    segments: segmentsOf(transaction),
    drafted: Math.max(decided, ...shadowHits.map(({ outcome }) => outcome)),
    hits: [...new Set([...shadowHits.map(({ ruleId }) => ruleId), ...codes])],
    shadowHits: [],
    rulesSkipped: skippedRules.filter(({ inShadow, why }) => inShadow && why !== SWITCHED_OFF),
    sentences: [
      ...shadowHits.map(
        ({ ruleId, outcome }) => `In shadow, ${ruleId} would ${(Outcome[outcome] ?? "").toLowerCase()}.`,
      ),
      ...reasons.map(({ text }) => text),
    ],
    ...(isExplored(decision) ? { exploredWeight: 1 / explorationProbability } : {}),
  };
}
