import type { Decision, FeatureVector, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { SentAttributes } from "../attributes/sent-attributes.js";
import { ATTRIBUTES_NOT_KEPT } from "../attributes/sent-attributes.js";
import type { PaymentFeatures, Score } from "../decide-payment.js";
import { decide } from "../decide-payment.js";
import { isExplored } from "../exploration/explore-decline.js";
import type { Policy } from "../policy.js";
import { switchOffRules } from "../policy.js";
import type { RecordedInputs } from "../recorded-inputs.js";
import { recordedInputs } from "../recorded-inputs.js";
import type { Scorecard } from "../scorecard.js";
import type { BacktestRow } from "./backtest-row.js";
import { segmentsOf } from "./backtest-row.js";

/** Why a decision could not be replayed. */
export type SkipReason = "features-missing" | "other-spec" | "policy-unknown" | "scorecard-unknown" | "not-explainable";

/** Everything needed to decide again, except the score. */
export interface Deciders {
  readonly specVersion: number;
  /** The policy for an archived version; undefined if it is unknown. */
  policyOf(version: string): Policy | undefined;
  /** The scorecard for an archived version; undefined if it is unknown. */
  scorecardOf(version: string): Scorecard | undefined;
}

/** An archived decision with everything needed to replay it, except the score. */
export interface Reopened {
  readonly archived: Decision;
  readonly transaction: Transaction;
  readonly features: PaymentFeatures;
  readonly isFraud: boolean | undefined;
  /** As in `BacktestRow`. */
  readonly isNotPaid?: boolean;
  readonly policy: Policy;
  readonly inputs: RecordedInputs;
  readonly scorecard: Scorecard | undefined;
}

/** The inputs of the decision, or the reason why one is missing. */
export function reopenPayment(
  archived: Decision,
  vector: FeatureVector | undefined,
  isFraud: boolean | undefined,
  deciders: Deciders,
): Reopened | { readonly reason: SkipReason; readonly what: string } {
  if (vector?.transaction === undefined) return { reason: "features-missing", what: "" };
  const { transaction, specVersion, values, incomplete } = vector;
  for (const version of [specVersion, archived.featureSpecVersion]) {
    if (version !== deciders.specVersion) return { reason: "other-spec", what: String(version) };
  }
  const found = deciders.policyOf(archived.policyVersion);
  if (found === undefined) return { reason: "policy-unknown", what: archived.policyVersion };
  const inputs = recordedInputs(archived);
  const isSame = found.version === archived.policyVersion;
  const policy = isSame ? switchOffRules(found, inputs.switchedOffRules ?? []) : found;
  const { scorecardVersion } = inputs;
  const scorecard = scorecardVersion === undefined ? undefined : deciders.scorecardOf(scorecardVersion);
  if (scorecardVersion !== undefined && scorecard === undefined) {
    return { reason: "scorecard-unknown", what: scorecardVersion };
  }
  const features = { specVersion, values, incomplete };
  return { archived, transaction, features, isFraud, policy, inputs, scorecard };
}

/** The decision with this score, at the time of the original decision. */
export function decideAgain(
  { archived, transaction, features, policy, inputs, scorecard }: Reopened,
  score: Score,
): Decision {
  const { decidedAtMs, policyVersion, policyRevision } = archived;
  const { listHits, trial, spentBudgets, notEvaluated, rules } = inputs;
  const isSame = policy.version === policyVersion;
  const unread: SentAttributes = isSame ? { recorded: rules } : { missing: ATTRIBUTES_NOT_KEPT };
  const attributes = transaction.hasAttributes === true ? unread : undefined;
  // How much another policy would have explored that day is unknown, so it explores nothing.
  const exploration = isSame ? inputs.exploration : "undrawn";
  const recorded = { listHits, trial, spentBudgets, notEvaluated, exploration, decidedAtMs };
  const input = { transaction, attributes, features, score, ...recorded };
  const decision = decide(policy, input, scorecard);
  // The same policy text makes the same decisions, regardless of its revision number in the control plane.
  return isSame ? { ...decision, policyRevision } : decision;
}

/** A payment decided again by a draft. @param ids of the draft's rules and bands, which are also its codes */
export function draftRow(one: Reopened, ids: ReadonlySet<string>): BacktestRow {
  const { archived, transaction, isFraud, isNotPaid = false } = one;
  // The budgets that would remain under the draft are unknown, so no budget counts as spent. A payment that another
  // policy could not evaluate is evaluated again, because the draft may be able to evaluate it.
  const inputs: RecordedInputs = { ...one.inputs, spentBudgets: [], notEvaluated: undefined, exploration: "undrawn" };
  const drafted = decideAgain({ ...one, inputs }, scoreOf(one));
  const { transactionId, cardToken, amountMinor, currency, occurredAtMs } = transaction;
  const shadowHits = drafted.shadowHits.map(({ ruleId }) => ruleId);
  const isFault = drafted.rung === Rung.STATIC_POLICY && archived.rung !== Rung.STATIC_POLICY;
  return {
    transactionId,
    cardToken,
    amountMinor,
    currency,
    occurredAtMs,
    isFraud,
    isNotPaid,
    segments: segmentsOf(transaction),
    // The draft explores nothing, so exploration would look like a change.
    decided: isExplored(archived) ? Outcome.DECLINE : archived.outcome,
    drafted: drafted.outcome,
    hits: [...drafted.reasons.map(({ code }) => code).filter((code) => ids.has(code)), ...shadowHits],
    shadowHits,
    rulesSkipped: drafted.skippedRules,
    sentences: drafted.reasons.map(({ text }) => text),
    failure: isFault ? drafted.degradedBecause : "",
    ...(isExplored(archived) ? { exploredWeight: 1 / (archived.explorationProbability ?? 1) } : {}),
    ...explorableOf(one.policy, drafted, currency),
  };
}

function explorableOf(
  { exploration }: Policy,
  { explorationProbability: probability, score = 0 }: Decision,
  currency: string,
): Pick<BacktestRow, "explorable"> {
  const limit = exploration?.limits.find((one) => one.currency === currency);
  if (limit === undefined || probability === undefined) return {};
  return { explorable: { probability, score, dailyLossMinorMax: limit.dailyLossMinorMax } };
}

/** The score that decided the payment, because the draft uses the same model. A scorecard's score is recomputed. */
function scoreOf({ archived, inputs }: Reopened): Score {
  const { score } = inputs;
  if ("missing" in score) return score;
  return archived.score === undefined
    ? { missing: "the archive lacks the score" }
    : { value: archived.score, ...score };
}
