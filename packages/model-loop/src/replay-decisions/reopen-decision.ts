import type { Deciders, Reopened, SkipReason } from "@tripline/decision-engine/backtest/reopen-payment";
import { reopenPayment } from "@tripline/decision-engine/backtest/reopen-payment";
import { decisionOf, vectorOf } from "@tripline/lake/read/row-message";
import type { ArchivedDecision } from "./read-archived.js";

/** The inputs of an archived decision, or the reason why one is missing. */
export function reopenDecision(
  { decision, features, isFraud, isNotPaid }: ArchivedDecision,
  deciders: Deciders,
): Reopened | { readonly reason: SkipReason; readonly what: string } {
  const vector = features === undefined ? undefined : vectorOf(features);
  const reopened = reopenPayment(decisionOf(decision), vector, isFraud, deciders);
  return "reason" in reopened ? reopened : { ...reopened, isNotPaid };
}
