import type { Scorecard, ScoredFeature } from "./scorecard.js";

/**
 * The scorecard's probability of fraud, including the card's calibration. Pure; equal to the trainer's result except
 * for the rounding of `exp`.
 *
 * @param features of the payment, in the order of the card's feature spec
 */
export function probabilityOf(card: Scorecard, features: readonly number[]): number {
  let margin = card.intercept;
  for (const feature of card.features) margin += weightOf(feature, features);
  return 1 / (1 + Math.exp(-margin));
}

/**
 * How much each feature of the vector changed the log odds. A weight is 0 for values that are equally common among
 * frauds and genuine payments; a positive weight indicates fraud. Features that the card does not use have the value 0.
 */
export function pointsOf(card: Scorecard, features: readonly number[]): number[] {
  const points = features.map(() => 0);
  for (const feature of card.features) points[feature.index] = weightOf(feature, features);
  return points;
}

function weightOf(feature: ScoredFeature, features: readonly number[]): number {
  // The trainer used float32, and a value close to an edge must fall into the same bin here.
  const value = Math.fround(features[feature.index] ?? Number.NaN);
  let bin = 0;
  for (const edge of feature.edges) {
    if (!(edge <= value)) break;
    bin += 1;
  }
  return feature.weights[bin] ?? Number.NaN;
}
