import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Agreement } from "@tripline/decision-engine/rollouts/agreement";
import { NO_AGREEMENT } from "@tripline/decision-engine/rollouts/agreement";
import type { Finding, GuardName } from "@tripline/decision-engine/rollouts/finding";
import { guardPlan } from "@tripline/decision-engine/rollouts/guard-plan";
import type { LabelledAlert } from "@tripline/decision-engine/rollouts/judge-precision";
import { judgePrecision } from "@tripline/decision-engine/rollouts/judge-precision";
import type { TrialSample } from "@tripline/decision-engine/rollouts/judge-trial";
import { judgeWindow } from "@tripline/decision-engine/rollouts/judge-trial";
import { OutcomeShares } from "@tripline/decision-engine/rollouts/outcome-shares";
import { PairedScores } from "@tripline/decision-engine/rollouts/paired-scores";
import type { Random } from "@tripline/simulator/seed-random";
import type { ScoredPair } from "./scored-pairs.js";

const PLAN = guardPlan.parse({});
/** Time between two payments. */
const PACE_MS = 1_000;
const UNREPORTED = 0.1;
const LATENCY_MS = 20;
const MISSING_SHARE = 0.01;

export interface RolloutTraffic {
  readonly shadowPayments: number;
  /** The candidate's successive shares of the cards. */
  readonly shares: readonly number[];
  /** Number of payments at each share. */
  readonly canaryPayments: number;
  /** Average number of labelled alerts per model. Missing alerts are added after the last share. */
  readonly alerts: number;
}

/** Payments, and the subset that each model does not approve. */
export interface Population {
  readonly pairs: readonly ScoredPair[];
  readonly candidateAlerts: readonly ScoredPair[];
  readonly championAlerts: readonly ScoredPair[];
}

export function populationOf(pairs: readonly ScoredPair[]): Population {
  return {
    pairs,
    candidateAlerts: pairs.filter(({ candidateScore }) => outcomeOf(candidateScore) > Outcome.APPROVE),
    championAlerts: pairs.filter(({ championScore }) => outcomeOf(championScore) > Outcome.APPROVE),
  };
}

/**
 * Simulates the rollout of a candidate that is as good as the champion, with all guards.
 *
 * @param population the payments to draw from, with replacement
 * @returns the guard that rolled it back; undefined if none did
 */
export function rehearseRollout(
  { pairs, candidateAlerts, championAlerts }: Population,
  agreement: Agreement,
  traffic: RolloutTraffic,
  random: Random,
): GuardName | undefined {
  const draw = (): ScoredPair => drawn(pairs, random);
  const scores = new PairedScores(agreement, PLAN);
  const outcomes = new OutcomeShares(agreement, PLAN);
  const alerts: LabelledAlert[] = [];
  let nowMs = 0;
  const addScores = ({ card: cardToken, candidateScore, championScore }: ScoredPair): void => {
    scores.add({ cardToken, candidateScore, championScore }, nowMs);
  };
  for (let payment = 0; payment < traffic.shadowPayments; payment += 1, nowMs += PACE_MS) addScores(draw());
  const found: Finding[] = [scores.finding];
  const assigned = new Map<string, number>();
  for (const share of traffic.shares) {
    const window = { candidate: [] as TrialSample[], champion: [] as TrialSample[] };
    for (let payment = 0; payment < traffic.canaryPayments; payment += 1, nowMs += PACE_MS) {
      const pair = draw();
      const place = assigned.get(pair.card) ?? random();
      assigned.set(pair.card, place);
      const arm = place < share ? "candidate" : "champion";
      const score = arm === "candidate" ? pair.candidateScore : pair.championScore;
      const outcome = outcomeOf(score);
      if (arm === "candidate") addScores(pair);
      outcomes.add(arm, { cardToken: pair.card, outcome }, share);
      window[arm].push(sampleOf(pair, outcome, random));
      if (outcome > Outcome.APPROVE) alerts.push(labelled(pair, arm === "candidate", random));
    }
    const [missing, latency] = judgeWindow(window, PLAN);
    found.push(missing, latency, outcomes.findingFor(missing), scores.finding);
  }
  while (alerts.length < 2 * traffic.alerts) {
    const isCandidate = random() < 0.5;
    alerts.push(labelled(drawn(isCandidate ? candidateAlerts : championAlerts, random), isCandidate, random));
  }
  found.push(judgePrecision(alerts, 0, agreement, PLAN));
  return found.find(({ isBreached }) => isBreached)?.guard;
}

function drawn(pairs: readonly ScoredPair[], random: Random): ScoredPair {
  const pair = pairs[Math.floor(pairs.length * random())];
  if (pair === undefined) throw new Error("There are no payments to sample from.");
  return pair;
}

const outcomeOf = (score: number): Outcome => {
  if (score >= 0.6) return Outcome.DECLINE;
  if (score >= 0.35) return Outcome.REVIEW;
  return score >= 0.15 ? Outcome.CHALLENGE : Outcome.APPROVE;
};

function labelled({ isFraud }: ScoredPair, isCandidate: boolean, random: Random): LabelledAlert {
  return { isCandidate, isFraud: isFraud && random() >= UNREPORTED };
}

function sampleOf({ card: cardToken, candidateScore, championScore }: ScoredPair, outcome: Outcome, random: Random) {
  const isScoreMissing = random() < MISSING_SHARE;
  const latencyMs = Math.round(LATENCY_MS * (1 - Math.log(1 - random())));
  const state = { isServed: true, isScoreMissing, isDegraded: isScoreMissing };
  return { cardToken, outcome, candidateScore, championScore, latencyMs, ...state };
}

/** Number of shadow payments until the rollback of a candidate that gives each payment the score of another. */
export function paymentsUntilShuffledEnds(
  pairs: readonly ScoredPair[],
  agreement: Agreement,
  maximum: number,
  random: Random,
): number {
  const scores = new PairedScores(agreement, PLAN);
  for (let payment = 1; payment <= maximum; payment += 1) {
    const { card: cardToken, championScore } = drawn(pairs, random);
    const { candidateScore } = drawn(pairs, random);
    scores.add({ cardToken, candidateScore, championScore }, payment * PACE_MS);
    if (scores.finding.isBreached) return payment;
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * Number of payments decided by the candidate until its declines end the rollout. It declines the share `candidate`
 * instead of `champion`, because some of its scores are too high; its other scores are as expected.
 */
export function paymentsUntilDeclinesEnd(
  pairs: readonly ScoredPair[],
  declines: { readonly candidate: number; readonly champion: number; readonly from: number },
  share: number,
  agreement: Agreement,
  maximum: number,
  random: Random,
): number {
  const outcomes = new OutcomeShares(agreement, PLAN);
  const scores = new PairedScores(agreement, PLAN);
  let payments = 0;
  for (let card = 0; payments < maximum; card += 1) {
    const arm = random() < share ? "candidate" : "champion";
    const { championScore, ...pair } = drawn(pairs, random);
    const isTooHigh = random() < declines.candidate - declines.champion;
    const candidateScore = isTooHigh ? Math.max(declines.from, pair.candidateScore) : pair.candidateScore;
    const cardToken = `ct_${card}`;
    if (arm === "candidate") {
      payments += 1;
      scores.add({ cardToken, candidateScore, championScore }, card * PACE_MS);
    }
    const score = arm === "candidate" ? candidateScore : championScore;
    if (score < declines.from) continue;
    outcomes.add(arm, { cardToken, outcome: Outcome.DECLINE }, share);
    if (outcomes.findingFor({ isJudged: true }).isBreached || scores.finding.isBreached) return payments;
  }
  return Number.POSITIVE_INFINITY;
}

/** Number of labelled alerts per model until the candidate's lower precision ends the rollout. */
export function alertsUntilPrecisionEnds(
  precision: { readonly candidate: number; readonly champion: number },
  maximum: number,
  random: Random,
): number {
  const alerts = Array.from({ length: maximum }, (): readonly LabelledAlert[] => [
    { isCandidate: true, isFraud: random() < precision.candidate },
    { isCandidate: false, isFraud: random() < precision.champion },
  ]);
  const isOver = (count: number): boolean =>
    judgePrecision(alerts.slice(0, count).flat(), 0, NO_AGREEMENT, PLAN).isBreached;
  if (!isOver(maximum)) return Number.POSITIVE_INFINITY;
  // A breach is permanent, so a binary search finds its start.
  let [low, high] = [0, maximum];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isOver(middle)) high = middle;
    else low = middle;
  }
  return high;
}
