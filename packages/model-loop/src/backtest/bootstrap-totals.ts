import type { CardAmounts } from "@tripline/decision-engine/backtest/backtest-tally";
import type { TotalEstimate } from "@tripline/decision-engine/backtest/hit-measure";
import { poisson, STREAM, seedRandom } from "@tripline/simulator/seed-random";

/** Enough samples that the 2.5 % quantiles hardly depend on the seed. */
const SAMPLES = 500;
/** With fewer cards, the interval would be unreliable. */
const CARDS_MIN = 10;
const WEIGHT_MAX = 20;
const SEED = 1;

/**
 * The total of each column with its 95 % bootstrap interval (2.5 % and 97.5 % quantiles), resampled by card because
 * payments of one card are not independent. Each sample weights each card by a Poisson number with mean 1. This makes
 * drawing from a list unnecessary, and the number of cards varies, just as it varies from week to week (N. Chamandy et
 * al., "Estimating uncertainty for massive data streams", Google, 2012).
 *
 * @param cards each card's key determines its weights, so the same cards give the same intervals in any order
 */
export function bootstrapTotals(cards: Iterable<CardAmounts>): ReadonlyMap<string, TotalEstimate> {
  const columns = new Map<string, { total: number; cards: number; readonly samples: Float64Array }>();
  const weights = new Uint8Array(SAMPLES);
  for (const { key, amounts } of cards) {
    const random = seedRandom(SEED, STREAM.testing, key, 0);
    for (let sample = 0; sample < SAMPLES; sample += 1) weights[sample] = poisson(random, 1, WEIGHT_MAX);
    for (const [name, amount] of amounts) {
      const column = columns.get(name) ?? { total: 0, cards: 0, samples: new Float64Array(SAMPLES) };
      columns.set(name, column);
      column.total += amount;
      column.cards += 1;
      const { samples } = column;
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        samples[sample] = (samples[sample] ?? 0) + (weights[sample] ?? 0) * amount;
      }
    }
  }
  return new Map(
    [...columns].map(([name, { total, cards: count, samples }]) => [name, estimate(total, count, samples)]),
  );
}

function estimate(value: number, cards: number, samples: Float64Array): TotalEstimate {
  if (cards < CARDS_MIN) return { value };
  samples.sort();
  const at = (quantile: number) => samples[Math.round(quantile * (SAMPLES - 1))] ?? value;
  return { value, low: Math.min(value, at(0.025)), high: Math.max(value, at(0.975)) };
}
