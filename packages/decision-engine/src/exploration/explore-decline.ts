import { createHmac } from "node:crypto";
import type { Decision, ListHit, Reason, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BudgetTake } from "../budgets.js";
import { toReason } from "../conditions/evaluate-rules.js";
import type { Exploration, ExplorationLimit, Policy } from "../policy.js";
import { paymentValues, SCORE } from "../policy-variables.js";

/**
 * `open`: the hash decides whether the payment is drawn. `spent`: the day's limit does not allow this payment.
 * `undrawn`: no payment is drawn, to find out what would happen without exploration.
 */
export type ExplorationState = "open" | "spent" | "undrawn";

/** What exploration needs to know about the reasons for an outcome. */
interface Declined {
  readonly outcome: Outcome;
  readonly reasons: readonly Reason[];
  readonly rung: Rung;
  readonly score?: object;
  /** As in `Found`. */
  readonly isHard?: boolean;
}

interface Explored {
  readonly outcome: Outcome;
  readonly reasons: readonly Reason[];
  readonly explorationProbability: number;
}

interface ExploredPayment {
  readonly transaction: Transaction;
  readonly listHits: readonly ListHit[];
}

const HASH_BYTES = 6;
const HASHES = 2 ** (8 * HASH_BYTES);

/** Whether the decision approves a payment that the policy would otherwise have declined. */
export function isExplored({ outcome, explorationProbability: probability }: Decision): boolean {
  return outcome === Outcome.APPROVE && probability !== undefined && probability > 0;
}

/**
 * The limit within which a decline may be explored; undefined if it must not be. Only a model's score or rules that
 * read no list may have caused it, and the payment must match no list.
 */
export function explorationLimit(
  { exploration }: Pick<Policy, "exploration">,
  { transaction: { amountMinor, currency }, listHits }: ExploredPayment,
  { outcome, rung, isHard }: Declined,
): ExplorationLimit | undefined {
  if (exploration === undefined || outcome !== Outcome.DECLINE || rung !== Rung.MODEL) return undefined;
  // A payment without an amount would never use up the limit.
  if (isHard === true || listHits.length > 0 || amountMinor <= 0) return undefined;
  return exploration.limits.find((limit) => limit.currency === currency && amountMinor <= limit.amountMinorMax);
}

/**
 * Pseudo-random, and the same for every evaluation of the payment. Without the key, nobody can tell which payments are
 * drawn.
 */
export function isDrawn({ key, share }: Pick<Exploration, "key" | "share">, transactionId: string): boolean {
  return createHmac("sha256", key).update(transactionId).digest().readUIntBE(0, HASH_BYTES) / HASHES < share;
}

/** The same verdict for a payment that is not explored; for one that is, the approval and its reason. */
export function explore<V extends Declined>(
  policy: Pick<Policy, "exploration">,
  payment: ExploredPayment,
  verdict: V,
  state: ExplorationState,
): V | (V & Explored) {
  const { exploration } = policy;
  if (exploration === undefined || explorationLimit(policy, payment, verdict) === undefined) return verdict;
  const { transaction } = payment;
  const explorationProbability = state === "spent" ? 0 : exploration.share;
  if (state !== "open" || !isDrawn(exploration, transaction.transactionId)) {
    return { ...verdict, explorationProbability };
  }
  const { score } = verdict;
  const scored = score !== undefined && "value" in score ? { [SCORE]: score.value } : {};
  const reason = toReason(exploration, { ...paymentValues(transaction), ...scored });
  return { ...verdict, outcome: reason.outcome, reasons: [reason, ...verdict.reasons], explorationProbability };
}

/** Even a payment that is not drawn must fit within the day's limit, so that every stored probability is exact. */
export function explorationTake(
  { dayOf }: Exploration,
  { currency, dailyLossMinorMax: perDay }: ExplorationLimit,
  { tenant, amountMinor: units }: Transaction,
  { outcome, decidedAtMs }: Pick<Decision, "outcome" | "decidedAtMs">,
): BudgetTake {
  const what = `explored-${currency.toLowerCase()}`;
  return { tenant, what, day: dayOf(decidedAtMs), perDay, units, isCharged: outcome === Outcome.APPROVE };
}
