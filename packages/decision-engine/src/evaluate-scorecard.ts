import type { Scorecard, ScoredFeature } from "./scorecard.js";

/**
 * The scorecard's probability of fraud, calibrated as the card was. Pure; equal to the trainer's own but for how `exp`
 * rounds.
 *
 * @param features the payment's, in the order of the card's feature spec
 */
export function probabilityOf(card: Scorecard, features: readonly number[]): number {
  let margin = card.intercept;
  for (const feature of card.features) margin += weightOf(feature, features);
  return 1 / (1 + Math.exp(-margin));
}

/**
 * How much each feature of the vector moved the log odds. A weight is 0 for values that frauds have as often as genuine
 * payments; more than 0 speaks for fraud. 0 for features that the card does not use.
 */
export function pointsOf(card: Scorecard, features: readonly number[]): number[] {
  const points = features.map(() => 0);
  for (const feature of card.features) points[feature.index] = weightOf(feature, features);
  return points;
}

function weightOf(feature: ScoredFeature, features: readonly number[]): number {
  // The trainer saw float32, and a value next to an edge must fall on the same side here.
  const value = Math.fround(features[feature.index] ?? Number.NaN);
  let bin = 0;
  for (const edge of feature.edges) {
    if (!(edge <= value)) break;
    bin += 1;
  }
  return feature.weights[bin] ?? Number.NaN;
}
