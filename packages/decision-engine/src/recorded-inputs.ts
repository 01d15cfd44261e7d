import { NOT_EVALUATED } from "@tripline/contracts/degraded-reasons";
import type { Decision, ListHit, ModelTrial, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { RecordedRules } from "./attributes/sent-attributes.js";
import { recordedRules } from "./attributes/sent-attributes.js";
import { SWITCHED_OFF } from "./conditions/evaluate-rules.js";
import { RAISED_BY } from "./explain-decision.js";
import type { ExplorationState } from "./exploration/explore-decline.js";
import { SCORECARD_NAME } from "./scorecard.js";

/** Inputs that a decision records in addition to the payment and its features. */
export interface RecordedInputs {
  /** The model whose score was used, or why there was no model score. */
  readonly score: { readonly modelName: string; readonly modelVersion: string } | { readonly missing: string };
  /** The scorecard whose score was used instead; undefined if there was none. */
  readonly scorecardVersion: string | undefined;
  /**
   * Whether contributions were available. Also false if none produced a sentence, because the decision is the same.
   */
  readonly hasContributions: boolean;
  /** The list entries that matched the payment. */
  readonly listHits: readonly ListHit[];
  /** The payment's role in a model rollout, with the score of the model that was not used. */
  readonly trial: ModelTrial | undefined;
  /** The spent budgets among those to which the payment would have been charged. */
  readonly spentBudgets: readonly Outcome[];
  /** `spent` if the limit for exploration did not allow this payment. */
  readonly exploration?: ExplorationState;
  /** Why the policy was not evaluated; undefined if it was. */
  readonly notEvaluated?: string | undefined;
  /** The results of the rules that read attributes, because the archive contains no readable attributes. */
  readonly rules: RecordedRules;
  /** Ids of the rules that the control plane had disabled. */
  readonly switchedOffRules?: readonly string[];
}

/**
 * At the lowest fallback level, the reason for a missing score is not recorded, and the decision does not depend on it.
 */
const NOT_RECORDED = "the score was missing when the payment was first decided";

/**
 * The inputs, other than the policy, that `decide` and `withContributions` need to reproduce the decision. An outage is
 * also an input: a score that was missing is missing again, for the same reason.
 */
export function recordedInputs(decision: Decision): RecordedInputs {
  const { modelName, modelVersion, degradedBecause, reasons, listHits, trial, spentBudgets } = decision;
  const switchedOff = decision.skippedRules.filter(({ why }) => why === SWITCHED_OFF).map(({ ruleId }) => ruleId);
  const missing = { missing: degradedBecause === "" ? NOT_RECORDED : degradedBecause };
  const hasContributions = reasons.some(({ code }) => code.startsWith(RAISED_BY));
  const notEvaluated = degradedBecause.startsWith(NOT_EVALUATED) ? degradedBecause : undefined;
  const switchedOffRules = switchedOff.length === 0 ? undefined : { switchedOffRules: switchedOff };
  const rules = recordedRules(decision);
  const exploration = decision.explorationProbability === 0 ? { exploration: "spent" as const } : undefined;
  const also = {
    ...{ hasContributions, listHits, trial, spentBudgets, notEvaluated, rules },
    ...switchedOffRules,
    ...exploration,
  };
  if (modelName === "") return { score: missing, scorecardVersion: undefined, ...also };
  if (modelName === SCORECARD_NAME) return { score: missing, scorecardVersion: modelVersion, ...also };
  return { score: { modelName, modelVersion }, scorecardVersion: undefined, ...also };
}
