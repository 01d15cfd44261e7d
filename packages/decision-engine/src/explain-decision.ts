import type { Decision, Reason } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Policy } from "./policy.js";
import { renderText } from "./render-text.js";

/** How many features are named: more do not help an analyst. */
const NAMED_FEATURES_MAX = 3;

/** Codes of reasons that say which features raised the score begin with this and end with the feature's name. */
export const RAISED_BY = "SCORE_RAISED_BY_";

/** Whether it is worth finding out what raised the score: it was at hand, and the payment was not simply approved. */
export function wantsContributions(decision: Decision): boolean {
  return decision.rung === Rung.MODEL && decision.outcome > Outcome.APPROVE;
}

/**
 * The decision with reasons for its score: a sentence for each of the features that raised it most, after all other reasons.
 * They change nothing else, so a decision without them is the same decision. Pure.
 *
 * @param features the payment's, in the order of the policy's spec
 * @param contributions how much each feature moved the score, in any unit that grows with it; more than 0 raised it
 */
export function withContributions(
  policy: Policy,
  decision: Decision,
  features: readonly number[],
  contributions: readonly number[],
): Decision {
  const raised = contributions
    .map((contribution, index) => ({ contribution, index }))
    .filter(({ contribution }) => contribution > 0)
    .toSorted((left, right) => right.contribution - left.contribution);
  const reasons: Reason[] = [];
  for (const { index } of raised) {
    if (reasons.length === NAMED_FEATURES_MAX) break;
    const reason = reasonOf(policy, index, features[index]);
    if (reason !== undefined) reasons.push(reason);
  }
  return { ...decision, reasons: [...decision.reasons, ...reasons] };
}

/** What a feature's value says; `undefined` if no sentence is true of it. */
function reasonOf(policy: Policy, index: number, value: number | undefined): Reason | undefined {
  const name = policy.featureNames[index];
  const sentence = policy.featureSentences[index];
  if (name === undefined || sentence === undefined || value === undefined) return undefined;
  // A sentence without the value, such as "It took place on a weekend.", is true of a yes only.
  if (sentence.names.length === 0 && value === 0) return undefined;
  // The feature's name says in which unit its value is written.
  const text = renderText({ literals: sentence.literals, names: sentence.names.map(() => name) }, { [name]: value });
  return { code: `${RAISED_BY}${name.toUpperCase()}`, text, outcome: Outcome.APPROVE };
}
