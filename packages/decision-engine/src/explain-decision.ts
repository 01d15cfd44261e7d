import type { Decision, Reason } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { isExplored } from "./exploration/explore-decline.js";
import type { DescribedPayment, FeatureWords } from "./feature-words.js";
import type { Policy } from "./policy.js";

/** The usual number in an adverse action notice. More reasons do not help an analyst. */
const REASONS_MAX = 4;

/** Prefix of reason codes for features that raised the score; the feature's name follows. */
export const RAISED_BY = "SCORE_RAISED_BY_";

/** Whether to compute what raised the score: a model's score was used, and the payment was not simply approved. */
export function wantsContributions(decision: Decision): boolean {
  return decision.rung === Rung.MODEL && (decision.outcome > Outcome.APPROVE || isExplored(decision));
}

/**
 * Appends reasons for the score to the decision's other reasons: the topics that raised it most, each as a sentence
 * about the feature of that topic with the largest contribution. Nothing else changes, so a decision without these
 * reasons is the same decision. Pure.
 *
 * @param contributions how much each feature changed the score, in any monotonic unit; positive values raised it
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

/**
 * Topics whose features together raised the score, each with the features that raised it. Topics and features are
 * sorted by contribution, the largest first.
 */
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

/** The reason for the first feature that has an applicable sentence; `undefined` if there is none. */
function reasonOf(features: readonly Raising[], payment: DescribedPayment): Reason | undefined {
  for (const { words } of features) {
    const text = words.describe(payment);
    if (text !== undefined) return { code: `${RAISED_BY}${words.name.toUpperCase()}`, text, outcome: Outcome.APPROVE };
  }
  return undefined;
}
