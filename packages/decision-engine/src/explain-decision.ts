import type { Decision, Reason } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { DescribedPayment, FeatureWords } from "./feature-words.js";
import type { Policy } from "./policy.js";

/** As many as a notice of adverse action gives; more do not help an analyst. */
const REASONS_MAX = 4;

/** Codes of reasons that say which features raised the score begin with this and end with the feature's name. */
export const RAISED_BY = "SCORE_RAISED_BY_";

/** Whether it is worth finding out what raised the score: it was at hand, and the payment was not simply approved. */
export function wantsContributions(decision: Decision): boolean {
  return decision.rung === Rung.MODEL && decision.outcome > Outcome.APPROVE;
}

/**
 * The decision with reasons for its score: the topics that raised it most, each as a sentence about that of its features
 * which raised it most, after all other reasons. They change nothing else, so a decision without them is the same decision.
 * Pure.
 *
 * @param contributions how much each feature moved the score, in any unit that grows with it; more than 0 raised it
 */
export function withContributions(
  policy: Policy,
  decision: Decision,
  payment: DescribedPayment,
  contributions: readonly number[],
): Decision {
  const reasons: Reason[] = [];
  for (const features of raisedTopics(policy, contributions)) {
    if (reasons.length === REASONS_MAX) break;
    const reason = reasonOf(features, payment);
    if (reason !== undefined) reasons.push(reason);
  }
  return { ...decision, reasons: [...decision.reasons, ...reasons] };
}

interface Raising {
  readonly words: FeatureWords;
  readonly contribution: number;
}

/** Topics whose features raised the score together, and of each those that raised it; the most first, in both. */
function raisedTopics(policy: Policy, contributions: readonly number[]): readonly (readonly Raising[])[] {
  const features = contributions.flatMap((contribution, index) => {
    const words = policy.featureWords[index];
    return words === undefined ? [] : [{ words, contribution }];
  });
  const topics = [...Map.groupBy(features, ({ words }) => words.topic).values()];
  return topics
    .map((all) => ({ all, sum: all.reduce((sum, { contribution }) => sum + contribution, 0) }))
    .filter(({ sum }) => sum > 0)
    .toSorted((left, right) => right.sum - left.sum)
    .map(({ all }) =>
      all
        .filter(({ contribution }) => contribution > 0)
        .toSorted((left, right) => right.contribution - left.contribution),
    );
}

/** What the first of the features with a sentence that is true says; `undefined` if there is none. */
function reasonOf(features: readonly Raising[], payment: DescribedPayment): Reason | undefined {
  for (const { words } of features) {
    const text = words.describe(payment);
    if (text !== undefined) return { code: `${RAISED_BY}${words.name.toUpperCase()}`, text, outcome: Outcome.APPROVE };
  }
  return undefined;
}
