import { NOT_EVALUATED } from "@tripline/contracts/degraded-reasons";
import type { Decision, ListHit, ModelTrial, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { SWITCHED_OFF } from "./decide-payment.js";
import { RAISED_BY } from "./explain-decision.js";
import { SCORECARD_NAME } from "./scorecard.js";

/** What a decision says of the inputs that it was made from, beside the payment and its features. */
export interface RecordedInputs {
  /** The model whose score counted, or why there was no score of a model. */
  readonly score: { readonly modelName: string; readonly modelVersion: string } | { readonly missing: string };
  /** The scorecard whose score counted instead; undefined where none did. */
  readonly scorecardVersion: string | undefined;
  /** Contributions had been found when it was made. Where none of them made a sentence it is false, with the same result. */
  readonly hasContributions: boolean;
  /** The list entries that the payment was on. */
  readonly listHits: readonly ListHit[];
  /** Its part in the rollout of a model, with the score of the model that did not count. */
  readonly trial: ModelTrial | undefined;
  /** The budgets that were spent, of those that it would have taken from. */
  readonly spentBudgets: readonly Outcome[];
  /** Why the policy was not evaluated; undefined where it was. */
  readonly notEvaluated?: string | undefined;
  /** Ids of the rules that the control plane had switched off. */
  readonly switchedOffRules?: readonly string[];
}

/** On the lowest rung the reason for a missing score is not recorded, and nothing of the decision depends on it. */
const NOT_RECORDED = "the score was missing when the payment was first decided";

/**
 * What else than the policy has to be given to `decide` and `withContributions` to make the same decision again. An
 * outage of that time is an input too: a score that was missing then is missing again, for the same reason.
 */
export function recordedInputs(decision: Decision): RecordedInputs {
  const { modelName, modelVersion, degradedBecause, reasons, listHits, trial, spentBudgets } = decision;
  const switchedOff = decision.skippedRules.filter(({ why }) => why === SWITCHED_OFF).map(({ ruleId }) => ruleId);
  const missing = { missing: degradedBecause === "" ? NOT_RECORDED : degradedBecause };
  const hasContributions = reasons.some(({ code }) => code.startsWith(RAISED_BY));
  const notEvaluated = degradedBecause.startsWith(NOT_EVALUATED) ? degradedBecause : undefined;
  const switchedOffRules = switchedOff.length === 0 ? undefined : { switchedOffRules: switchedOff };
  const also = { hasContributions, listHits, trial, spentBudgets, notEvaluated, ...switchedOffRules };
  if (modelName === "") return { score: missing, scorecardVersion: undefined, ...also };
  if (modelName === SCORECARD_NAME) return { score: missing, scorecardVersion: modelVersion, ...also };
  return { score: { modelName, modelVersion }, scorecardVersion: undefined, ...also };
}
