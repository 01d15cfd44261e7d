import { NO_AGREEMENT } from "@tripline/decision-engine/rollouts/agreement";
import type { GuardName } from "@tripline/decision-engine/rollouts/finding";
import { seedRandom } from "@tripline/simulator/seed-random";
import type { RolloutTraffic } from "./rehearse-rollout.js";
import {
  alertsUntilPrecisionEnds,
  paymentsUntilDeclinesEnd,
  paymentsUntilShuffledEnds,
  populationOf,
  rehearseRollout,
} from "./rehearse-rollout.js";
import type { ScoredPair } from "./scored-pairs.js";
import { agreementOn, drawPairs } from "./scored-pairs.js";

const POOL = 60_000;
/** Number of payments on which a retraining compares the models: the newest two weeks of a small bank. */
const COMPARED = 20_000;
/** Number of different comparisons before the rollout, each with its own sampling error. */
const COMPARISONS = 20;
const CHAMPION = "champion";
const TRAFFIC: RolloutTraffic = {
  ...{ shadowPayments: 500, shares: [0.01, 0.05, 0.25, 0.5], canaryPayments: 1_000, alerts: 1_000 },
};
const SHUFFLED_MAX = 300;
const DECLINES = { candidate: 0.02, champion: 0.005 };
const DECLINE_SHARES = [0.01, 0.05, 0.5];
const DECLINE_PAYMENTS_MAX = 10_000;
const PRECISION = { candidate: 0.4, champion: 0.5 };
const ALERTS_MAX = 1_200;
/** Runs may exceed the limit by this factor, so that a requirement that is not met still has a figure. */
const LONGER = 3;
const FALSE_ROLLBACKS_MAX = 0.001;

/** A requirement and its measured figure. */
export interface Bar {
  readonly what: string;
  readonly figure: string;
  readonly isMet: boolean;
}

export interface GuardBarsOptions {
  readonly seed: number;
  /** Rollouts of models of equal quality. */
  readonly rollouts: number;
  /** Rollouts of each kind of bad model. */
  readonly badRollouts: number;
  /** Scores of two real models, at least as many as a retraining compares; default: simulated. */
  readonly pairs?: readonly ScoredPair[];
}

/** Measures how quickly a rollout's guards stop bad models, and how rarely they stop good ones. */
export function measureGuards({ seed, rollouts, badRollouts, pairs }: GuardBarsOptions): Bar[] {
  const random = seedRandom(seed, 0, 0, 0);
  const pool = pairs ?? drawPairs(POOL, random);
  const times = <T>(count: number, play: () => T): T[] => Array.from({ length: count }, play);
  const agreements = times(COMPARISONS, () => {
    const from = Math.floor(random() * Math.max(0, pool.length - COMPARED));
    return agreementOn(pool.slice(from, from + COMPARED), CHAMPION);
  });
  const agreement = () => agreements[Math.floor(random() * agreements.length)] ?? NO_AGREEMENT;
  const shuffled = times(badRollouts, () =>
    paymentsUntilShuffledEnds(pool, agreement(), LONGER * SHUFFLED_MAX, random),
  );
  const scores = pool.map(({ championScore }) => championScore).toSorted((one, other) => other - one);
  const declined = { ...DECLINES, from: scores[Math.floor(pool.length * DECLINES.champion)] ?? 1 };
  const declines = DECLINE_SHARES.map((share) => ({
    share,
    payments: times(badRollouts, () =>
      paymentsUntilDeclinesEnd(pool, declined, share, agreement(), LONGER * DECLINE_PAYMENTS_MAX, random),
    ),
  }));
  const alerts = medianOf(times(badRollouts, () => alertsUntilPrecisionEnds(PRECISION, LONGER * ALERTS_MAX, random)));
  const population = populationOf(pool);
  const ended = new Map<GuardName, number>();
  for (let rollout = 0; rollout < rollouts; rollout += 1) {
    const guard = rehearseRollout(population, agreement(), TRAFFIC, random);
    if (guard !== undefined) ended.set(guard, (ended.get(guard) ?? 0) + 1);
  }
  const falsely = [...ended.values()].reduce((sum, count) => sum + count, 0);
  const largest = Math.max(...shuffled);
  return [
    {
      what: `shuffled scores: payments in shadow until the rollback, at most ${SHUFFLED_MAX}`,
      figure: `${largest} at most, median ${medianOf(shuffled)}`,
      isMet: largest <= SHUFFLED_MAX,
    },
    ...declines.map(({ share, payments }) => ({
      what: `declines of 2 % instead of .5 %, ${100 * share} % of the cards: at most ${DECLINE_PAYMENTS_MAX} payments`,
      figure: `${Math.max(...payments)} at most, median ${medianOf(payments)}`,
      isMet: Math.max(...payments) <= DECLINE_PAYMENTS_MAX,
    })),
    {
      what: `precision of .4 instead of .5: median of at most ${ALERTS_MAX} labelled alerts of each model`,
      figure: `${alerts}`,
      isMet: alerts <= ALERTS_MAX,
    },
    {
      what: `equally good models: at most ${FALSE_ROLLBACKS_MAX * 10_000} of 10000 rolled back`,
      figure: `${falsely} of ${rollouts}${[...ended].map(([guard, count]) => `, ${guard} ${count}`).join("")}`,
      isMet: falsely <= FALSE_ROLLBACKS_MAX * rollouts,
    },
  ];
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}
