import type { Decision, FeatureVector, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { PaymentFeatures, Score } from "../decide-payment.js";
import { decide } from "../decide-payment.js";
import type { Policy } from "../policy.js";
import { switchOffRules } from "../policy.js";
import type { RecordedInputs } from "../recorded-inputs.js";
import { recordedInputs } from "../recorded-inputs.js";
import type { Scorecard } from "../scorecard.js";
import type { BacktestRow } from "./backtest-row.js";
import { segmentsOf } from "./backtest-row.js";

/** Why a decision was not made again. */
export type SkipReason = "features-missing" | "other-spec" | "policy-unknown" | "scorecard-unknown" | "not-explainable";

/** What decides again, but for the score. */
export interface Deciders {
  readonly specVersion: number;
  /** The policy for an archived version; undefined where it is not known. */
  policyOf(version: string): Policy | undefined;
  /** The scorecard of a version; undefined where it is not known. */
  scorecardOf(version: string): Scorecard | undefined;
}

/** An archived decision with all that it takes to make it again, but for the score. */
export interface Reopened {
  readonly archived: Decision;
  readonly transaction: Transaction;
  readonly features: PaymentFeatures;
  readonly isFraud: boolean | undefined;
  readonly policy: Policy;
  readonly inputs: RecordedInputs;
  readonly scorecard: Scorecard | undefined;
}

/** What the decision was made from, or which part of it is missing. */
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

/** The decision with that score, at the time at which it was made first. */
export function decideAgain(
  { archived, transaction, features, policy, inputs, scorecard }: Reopened,
  score: Score,
): Decision {
  const { decidedAtMs, policyVersion, policyRevision } = archived;
  const { listHits, trial, spentBudgets, notEvaluated } = inputs;
  const input = { transaction, features, score, listHits, trial, spentBudgets, notEvaluated, decidedAtMs };
  const decision = decide(policy, input, scorecard);
  // The same text decides the same, whatever number the control plane gave it.
  return policy.version === policyVersion ? { ...decision, policyRevision } : decision;
}

/** A payment decided again by a draft. @param ids of the rules and bands of the draft, which are its codes, too */
export function draftRow(one: Reopened, ids: ReadonlySet<string>): BacktestRow {
  const { archived, transaction, isFraud } = one;
  // How much of the draft's budgets would be left is not known. What another policy failed at, the draft may evaluate.
  const inputs = { ...one.inputs, spentBudgets: [], notEvaluated: undefined };
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
    segments: segmentsOf(transaction),
    decided: archived.outcome,
    drafted: drafted.outcome,
    hits: [...drafted.reasons.map(({ code }) => code).filter((code) => ids.has(code)), ...shadowHits],
    shadowHits,
    rulesSkipped: drafted.skippedRules,
    sentences: drafted.reasons.map(({ text }) => text),
    failure: isFault ? drafted.degradedBecause : "",
  };
}

/** The score that it was decided by: the draft has the same model. A scorecard's is computed again, and gives the same. */
function scoreOf({ archived, inputs }: Reopened): Score {
  const { score } = inputs;
  if ("missing" in score) return score;
  return archived.score === undefined
    ? { missing: "the archive lacks the score" }
    : { value: archived.score, ...score };
}
