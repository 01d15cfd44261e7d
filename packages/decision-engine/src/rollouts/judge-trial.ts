import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { MixGuard } from "../policy.js";
import { exceeds, likelyMaximum } from "./chance-bounds.js";
import type { Finding, GuardName } from "./finding.js";
import { percent } from "./finding.js";
import type { GuardPlan } from "./guard-plan.js";

/** The data about a decision that guards use. */
export interface TrialSample {
  readonly cardToken: string;
  readonly outcome: Outcome;
  /** Time from accepting the payment to deciding on it. */
  readonly latencyMs: number;
  readonly candidateScore: number | undefined;
  readonly championScore: number | undefined;
  /** Whether the arm's model returned no score. */
  readonly isScoreMissing: boolean;
  /** Whether the candidate returned a score or was merely late. In both cases, the scoring service has loaded it. */
  readonly isServed: boolean;
  /** Whether the decision was made without a model score. */
  readonly isDegraded: boolean;
}

/** Payments within the window. */
export interface TrialSamples {
  /** Payments of cards that the candidate scores, including in shadow. */
  readonly candidate: readonly TrialSample[];
  /** Payments of cards in the champion's share; none in shadow. */
  readonly champion: readonly TrialSample[];
}

/** Why a candidate's score is missing in shadow: the decision did not wait for it. */
export const CANDIDATE_LATE = "its score arrived too late";

const OUTCOMES = [Outcome.APPROVE, Outcome.CHALLENGE, Outcome.REVIEW, Outcome.DECLINE];

const SLOW_SHARE = 0.05;

/** The arm and the sample of a decision; undefined if the decision has no part in the rollout of this candidate. */
export function sampleOf(
  decision: Decision,
  candidateVersion: string,
): { readonly arm: keyof TrialSamples; readonly sample: TrialSample } | undefined {
  const { trial, cardToken, outcome } = decision;
  if (trial?.candidateVersion !== candidateVersion) return undefined;
  const isCandidate = trial.trialRole !== TrialRole.CONTROL;
  const championScore = trial.trialRole === TrialRole.CANARY ? trial.championScore : decision.score;
  return {
    arm: isCandidate ? "candidate" : "champion",
    sample: {
      cardToken,
      outcome,
      championScore,
      candidateScore: trial.candidateScore,
      latencyMs: decision.decidedAtMs - decision.acceptedAtMs,
      isServed: trial.candidateScore !== undefined || trial.candidateMissing === CANDIDATE_LATE,
      isDegraded: decision.rung !== Rung.MODEL,
      isScoreMissing: isCandidate ? trial.candidateMissing !== "" : decision.rung !== Rung.MODEL,
    },
  };
}

/** The findings of the guards that need only the payments in the window. */
export function judgeWindow(samples: TrialSamples, plan: GuardPlan): readonly [missing: Finding, latency: Finding] {
  return [judgeMissing(samples, plan), judgeLatency(samples.candidate, latencyOf(samples.champion), plan)];
}

function judgeMissing(samples: TrialSamples, plan: GuardPlan): Finding {
  const isMissing = (sample: TrialSample): number => Number(sample.isScoreMissing);
  return compare({
    guard: "scores-missing",
    what: "payments without a score",
    countMin: plan.cards_min,
    candidate: byCard(samples.candidate, isMissing),
    champion: byCard(samples.champion, isMissing),
    points: plan.missing_points_max,
  });
}

/** Names of the two sides in a comparison. */
interface Sides {
  readonly candidate: string;
  readonly champion: string;
}
const OF_A_TRIAL: Sides = { candidate: "of the candidate", champion: "of the champion" };
const OF_A_CHANGE: Sides = { candidate: "since then", champion: "before" };

/** A payment and its outcome. */
export type OutcomeSample = Pick<TrialSample, "cardToken" | "outcome">;

/** The outcomes of payments, in a form small enough to store. */
export interface OutcomeMix {
  readonly cards: number;
  /** The mean over cards, in the order of `OUTCOMES`. */
  readonly shares: readonly number[];
}

export function outcomeMixOf(samples: readonly OutcomeSample[]): OutcomeMix {
  const shares = OUTCOMES.map((outcome) => byCard(samples, (sample) => Number(sample.outcome === outcome)));
  return { cards: shares[0]?.count ?? 0, shares: shares.map(({ mean }) => mean) };
}

/** Whether a change increases the share of an outcome by more than its guard and chance allow. */
export function judgeMix(before: OutcomeMix, after: OutcomeMix, guard: MixGuard): Finding {
  const limits = { cards_min: guard.cardsMin, outcome_points_max: guard.outcomePointsMax };
  return judgeOutcomes({ candidate: after, champion: before }, limits, OF_A_CHANGE);
}

/** If one outcome becomes rarer, another becomes more frequent, so checking for increases is sufficient. */
function judgeOutcomes(
  { candidate, champion }: Readonly<Record<keyof TrialSamples, OutcomeMix>>,
  plan: Pick<GuardPlan, "cards_min" | "outcome_points_max">,
  sides: Sides,
): Finding {
  const findings = OUTCOMES.map((outcome, index) =>
    compare({
      sides,
      guard: "outcomes",
      what: `the outcome ${Outcome[outcome].toLowerCase()}`,
      countMin: plan.cards_min,
      candidate: { mean: candidate.shares[index] ?? 0, count: candidate.cards },
      champion: { mean: champion.shares[index] ?? 0, count: champion.cards },
      points: plan.outcome_points_max,
    }),
  );
  const breached = findings.find(({ isBreached }) => isBreached);
  const text = findings.map((finding) => finding.text).join("; ");
  const excess = ({ figure }: Finding): number => (figure === undefined ? 0 : figure.value - figure.limit);
  const [closest] = findings.toSorted((one, other) => excess(other) - excess(one));
  const isJudged = findings.every((finding) => finding.isJudged);
  return breached ?? { ...closest, guard: "outcomes", isJudged, isBreached: false, text };
}

/** A latency that most decisions do not exceed. */
interface Latency {
  /** The 95th percentile. */
  readonly usualMs: number;
  readonly payments: number;
}

function latencyOf(samples: readonly Pick<TrialSample, "latencyMs">[]): Latency {
  const latencies = samples.map(({ latencyMs }) => latencyMs).sort((one, other) => one - other);
  return { usualMs: latencies[Math.floor(latencies.length * (1 - SLOW_SHARE))] ?? 0, payments: samples.length };
}

/** Counted per payment rather than per card, because slow decisions do not depend on the card. */
function judgeLatency(
  candidate: readonly Pick<TrialSample, "latencyMs">[],
  { usualMs, payments }: Latency,
  plan: GuardPlan,
  sides = OF_A_TRIAL,
): Finding {
  const limitMs = usualMs + plan.slow_ms;
  const slow = { count: candidate.length, mean: meanOf(candidate.map(({ latencyMs }) => Number(latencyMs > limitMs))) };
  const count = Math.min(candidate.length, payments);
  const isJudged = count >= plan.cards_min;
  const text =
    `${percent(slow.mean)} of ${slow.count} decisions ${sides.candidate} took over ${limitMs} ms, ` +
    `95 % of those ${sides.champion} took up to ${usualMs} ms`;
  const limit = SLOW_SHARE + plan.slow_points_max;
  return {
    ...{ guard: "latency", isJudged, isBreached: isJudged && exceeds(slow.mean, slow.count, limit), text },
    figure: { kind: "share", value: slow.mean, limit },
    data: [{ kind: "payments", count, needed: plan.cards_min }],
  };
}

/** The data about a champion's decision that guards use. */
export type ChampionSample = Pick<TrialSample, "cardToken" | "outcome" | "latencyMs" | "isDegraded">;

/** Measurements of a champion, in a form small enough to store. */
export interface ChampionMeasure {
  readonly outcomes: OutcomeMix;
  readonly missing: { readonly mean: number; readonly count: number };
  readonly latency: { readonly usualMs: number; readonly payments: number };
}

export function championSampleOf(decision: Decision): ChampionSample {
  const { cardToken, outcome, rung, acceptedAtMs, decidedAtMs } = decision;
  return { cardToken, outcome, latencyMs: decidedAtMs - acceptedAtMs, isDegraded: rung !== Rung.MODEL };
}

export function measureChampion(samples: readonly ChampionSample[]): ChampionMeasure {
  return {
    outcomes: outcomeMixOf(samples),
    missing: byCard(samples, ({ isDegraded }) => Number(isDegraded)),
    latency: latencyOf(samples),
  };
}

/** The guards' findings for the decisions of a new champion, compared with its predecessor. */
export function judgePromotion(
  before: ChampionMeasure,
  after: readonly ChampionSample[],
  plan: GuardPlan,
): readonly Finding[] {
  return [
    compare({
      guard: "scores-missing",
      what: "payments without a score",
      countMin: plan.cards_min,
      candidate: byCard(after, ({ isDegraded }) => Number(isDegraded)),
      champion: before.missing,
      points: plan.missing_points_max,
      sides: OF_A_CHANGE,
    }),
    judgeOutcomes({ candidate: outcomeMixOf(after), champion: before.outcomes }, plan, OF_A_CHANGE),
    judgeLatency(after, before.latency, plan, OF_A_CHANGE),
  ];
}

interface Share {
  readonly mean: number;
  /** Number of cards. */
  readonly count: number;
}

interface Comparison {
  readonly guard: GuardName;
  readonly what: string;
  readonly candidate: Share;
  readonly champion: Share;
  readonly points: number;
  readonly countMin: number;
  readonly sides?: Sides;
}

function compare(comparison: Comparison): Finding {
  const { guard, what, candidate, champion, points, countMin, sides = OF_A_TRIAL } = comparison;
  const count = Math.min(candidate.count, champion.count);
  const isJudged = count >= countMin;
  const limit = likelyMaximum(champion.mean, champion.count) + points;
  const isBreached = isJudged && exceeds(candidate.mean, candidate.count, limit);
  const text =
    `${what}: ${percent(candidate.mean)} for ${candidate.count} cards ${sides.candidate}, ` +
    `${percent(champion.mean)} for ${champion.count} ${sides.champion}`;
  const figure = { kind: "share", value: candidate.mean, limit } as const;
  return { guard, isJudged, isBreached, text, figure, data: [{ kind: "cards", count, needed: countMin }] };
}

/** The mean over cards of each card's mean. */
function byCard<S extends OutcomeSample>(samples: readonly S[], read: (sample: S) => number): Share {
  const cards = new Map<string, { sum: number; count: number }>();
  for (const sample of samples) {
    const card = cards.get(sample.cardToken) ?? { sum: 0, count: 0 };
    card.sum += read(sample);
    card.count += 1;
    cards.set(sample.cardToken, card);
  }
  return { mean: meanOf([...cards.values()].map(({ sum, count }) => sum / count)), count: cards.size };
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
