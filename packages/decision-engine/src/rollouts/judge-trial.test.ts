import type { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome as Outcomes } from "@tripline/contracts/generated/tripline/events/v1/events";
import { NO_AGREEMENT } from "./agreement.js";
import type { GuardName } from "./finding.js";
import { guardPlan } from "./guard-plan.js";
import type { TrialSample, TrialSamples } from "./judge-trial.js";
import { judgeWindow } from "./judge-trial.js";
import { OutcomeShares } from "./outcome-shares.js";
import { PairedScores } from "./paired-scores.js";

const PLAN = guardPlan.parse({});

/** Deterministic numbers from 0 to 1 for a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Behaviour {
  /** A function of the champion's score and chance. */
  readonly score: (championScore: number, random: () => number) => number | undefined;
  readonly extraMs?: number;
}

const SAME: Behaviour = { score: (score) => score };
/** Behaves like a model trained on other weeks: the same ranking with some noise. */
const RETRAINED: Behaviour = {
  score: (score, random) => 1 / (1 + Math.exp(-(Math.log(score / (1 - score)) + 0.6 * (random() - 0.5)))),
};
const INVERTED: Behaviour = { score: (score) => 1 - score };
const FAILING: Behaviour = { score: () => undefined };
const SLOW: Behaviour = { score: (score) => score, extraMs: 150 };

const outcomeOf = (score: number): Outcome => {
  if (score > 0.6) return Outcomes.DECLINE;
  return score > 0.15 ? Outcomes.REVIEW : Outcomes.APPROVE;
};

/** Payments of a window; cards differ in risk and frequency. */
function play(seed: number, payments: number, share: number, behaviour: Behaviour): TrialSamples {
  const random = randomFrom(seed);
  const cards = Array.from({ length: Math.max(20, payments) }, () => {
    const isRisky = random() < 0.04;
    return { risk: isRisky ? 0.1 + 0.8 * random() : 0.03 * random(), isCandidate: random() < share };
  });
  const samples: { candidate: TrialSample[]; champion: TrialSample[] } = { candidate: [], champion: [] };
  for (let payment = 0; payment < payments; payment += 1) {
    // A few cards make most of the payments.
    const at = Math.floor(cards.length * random() ** 2);
    const { risk, isCandidate } = cards[at] ?? { risk: 0, isCandidate: false };
    const championScore = Math.min(0.999, Math.max(0.0005, risk * (0.7 + 0.6 * random())));
    const candidateScore = isCandidate ? behaviour.score(championScore, random) : undefined;
    const latencyMs = 5 + 20 * random() + (random() < 0.03 ? 200 : 0) + (isCandidate ? (behaviour.extraMs ?? 0) : 0);
    samples[isCandidate ? "candidate" : "champion"].push({
      cardToken: `ct_${at}`,
      latencyMs,
      candidateScore,
      championScore,
      outcome: outcomeOf(candidateScore ?? championScore),
      isScoreMissing: isCandidate && candidateScore === undefined,
      isServed: true,
      isDegraded: false,
    });
  }
  return samples;
}

function breachesOf({ candidate, champion }: TrialSamples, share: number): GuardName[] {
  const outcomes = new OutcomeShares(NO_AGREEMENT, PLAN);
  const scores = new PairedScores(NO_AGREEMENT, PLAN);
  for (const [at, { cardToken, candidateScore, championScore }] of candidate.entries()) {
    if (candidateScore === undefined || championScore === undefined) continue;
    scores.add({ cardToken, candidateScore, championScore }, at * 1_000);
  }
  const all = [
    ...candidate.map((one) => ["candidate", one] as const),
    ...champion.map((one) => ["champion", one] as const),
  ];
  for (const [arm, sample] of all.toSorted(() => order() - 0.5)) outcomes.add(arm, sample, share);
  const [missing, latency] = judgeWindow({ candidate, champion }, PLAN);
  const findings = [missing, outcomes.findingFor(missing), latency, scores.finding];
  return findings.filter(({ isBreached }) => isBreached).map(({ guard }) => guard);
}
const order = randomFrom(9);

describe("false alarms", () => {
  test.each<[string, Behaviour, number, number, number]>([
    ["the same model, 1 % of few payments", SAME, 500, 0.01, 200],
    ["the same model, 1 % of many", SAME, 5_000, 0.01, 30],
    ["the same model, 5 %", SAME, 1_000, 0.05, 100],
    ["a retrained model, 1 %", RETRAINED, 2_000, 0.01, 50],
    ["a retrained model, 50 %", RETRAINED, 500, 0.5, 200],
  ])("do not occur in any window: %s", (_name, behaviour, payments, share, windows) => {
    const alarms = Array.from({ length: windows }, (_, seed) =>
      breachesOf(play(seed, payments, share, behaviour), share),
    );
    expect(alarms.flat()).toEqual([]);
  });

  test("counts one card that is declined repeatedly as one card", () => {
    const { candidate, champion } = play(1, 5_000, 0.01, SAME);
    const [first] = candidate;
    if (first === undefined) throw new Error("no candidate");
    const burst = Array.from({ length: 500 }, () => ({ ...first, outcome: Outcomes.DECLINE }));
    expect(breachesOf({ candidate: [...candidate, ...burst], champion }, 0.01)).toEqual([]);
  });
});

describe("detects a bad candidate that gets 1 % of the cards within 4,000 payments", () => {
  test.each<[string, Behaviour, GuardName]>([
    ["inverted", INVERTED, "outcomes"],
    ["failing", FAILING, "scores-missing"],
    ["slow", SLOW, "latency"],
  ])("detects a bad candidate in each of 30 windows: %s", (_name, behaviour, expected) => {
    for (let seed = 0; seed < 30; seed += 1) {
      expect(breachesOf(play(seed, 4_000, 0.01, behaviour), 0.01)).toContain(expected);
    }
  });
});

test("does not judge samples below the minimum size", () => {
  const { candidate, champion } = play(1, 5_000, 0.01, INVERTED);
  const few = candidate.filter(({ cardToken }) => cardToken === candidate[0]?.cardToken);
  const [missing] = judgeWindow({ candidate: few, champion }, PLAN);
  expect(missing).toMatchObject({ isJudged: false, isBreached: false });
  expect(breachesOf({ candidate: few, champion }, 0.01)).toEqual([]);
});

test("an outage of scoring that affects both models does not count against the candidate", () => {
  const { candidate, champion } = play(1, 5_000, 0.05, FAILING);
  const without = (samples: readonly TrialSample[]) => samples.map((sample) => ({ ...sample, isScoreMissing: true }));
  expect(breachesOf({ candidate: without(candidate), champion: without(champion) }, 0.05)).toEqual([]);
});
