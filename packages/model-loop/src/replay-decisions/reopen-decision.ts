import type { Decision, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { PaymentFeatures, Score } from "@tripline/decision-engine/decide-payment";
import { decide } from "@tripline/decision-engine/decide-payment";
import type { Policy } from "@tripline/decision-engine/policy";
import type { RecordedInputs } from "@tripline/decision-engine/recorded-inputs";
import { recordedInputs } from "@tripline/decision-engine/recorded-inputs";
import type { Scorecard } from "@tripline/decision-engine/scorecard";
import { decisionOf, vectorOf } from "@tripline/lake/read/row-message";
import type { ArchivedDecision } from "./read-archived.js";
import type { SkipReason } from "./replay-tally.js";

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
export function reopenDecision(
  row: ArchivedDecision,
  deciders: Deciders,
): Reopened | { readonly reason: SkipReason; readonly what: string } {
  const archived = decisionOf(row.decision);
  const vector = row.features === undefined ? undefined : vectorOf(row.features);
  if (vector?.transaction === undefined) return { reason: "features-missing", what: "" };
  const { transaction, specVersion, values, incomplete } = vector;
  for (const version of [specVersion, archived.featureSpecVersion]) {
    if (version !== deciders.specVersion) return { reason: "other-spec", what: String(version) };
  }
  const policy = deciders.policyOf(archived.policyVersion);
  if (policy === undefined) return { reason: "policy-unknown", what: archived.policyVersion };
  const inputs = recordedInputs(archived);
  const { scorecardVersion } = inputs;
  const scorecard = scorecardVersion === undefined ? undefined : deciders.scorecardOf(scorecardVersion);
  if (scorecardVersion !== undefined && scorecard === undefined) {
    return { reason: "scorecard-unknown", what: scorecardVersion };
  }
  const features = { specVersion, values, incomplete };
  return { archived, transaction, features, isFraud: row.isFraud, policy, inputs, scorecard };
}

/** The decision with that score, at the time at which it was made first. */
export function decideAgain(
  { archived, transaction, features, policy, inputs, scorecard }: Reopened,
  score: Score,
): Decision {
  const { decidedAtMs, policyVersion, policyRevision } = archived;
  const { listHits, trial, spentBudgets } = inputs;
  const input = { transaction, features, score, listHits, trial, spentBudgets, decidedAtMs };
  const decision = decide(policy, input, scorecard);
  // The same text decides the same, whatever number the control plane gave it.
  return policy.version === policyVersion ? { ...decision, policyRevision } : decision;
}
