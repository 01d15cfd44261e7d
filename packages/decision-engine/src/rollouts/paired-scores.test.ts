import type { Agreement } from "./agreement.js";
import { agreementOf, NO_AGREEMENT } from "./agreement.js";
import { PairedScores } from "./paired-scores.js";

const PLAN = { agreement_points_max: 0.05, cards_min: 8 };
const AGREEMENT: Agreement = {
  champion: "0000000000c0",
  pairs: 10_000,
  concordance: 0.9,
  bands: [{ from: 0.5, both: 900, only_candidate: 50, only_champion: 50, candidate_frauds: 600, champion_frauds: 600 }],
};

/** Scores payments of different cards. The champion's scores vary from payment to payment. */
function findingOf(candidate: (championScore: number, at: number) => number, payments = 1_000, expected = AGREEMENT) {
  const scores = new PairedScores(expected, PLAN);
  for (let at = 0; at < payments; at += 1) {
    const championScore = ((at * 37) % 101) / 101;
    const candidateScore = candidate(championScore, at);
    scores.add({ cardToken: `ct_${at}`, championScore, candidateScore }, at);
  }
  return scores.finding;
}

test.each<[string, Parameters<typeof findingOf>[0], boolean]>([
  ["the same scores", (score) => score, false],
  ["slightly different scores", (score, at) => score + 0.02 * Math.sin(at), false],
  ["inverted scores", (score) => 1 - score, true],
  ["a constant score", () => 0.1, true],
  // The order is unchanged, but many more payments are above the band.
  ["scores that are too high", (score) => 0.5 + score / 2, true],
  ["scores that are too low", (score) => score / 3, true],
])("judges %s", (_name, candidate, isBreached) => {
  expect(findingOf(candidate)).toMatchObject({ guard: "score-distribution", isJudged: true, isBreached });
});

test("considers only the order if there is no earlier comparison", () => {
  expect(findingOf((score) => score / 3, 1_000, NO_AGREEMENT).isBreached).toBe(false);
  expect(findingOf((score) => 1 - score, 100, NO_AGREEMENT).isBreached).toBe(true);
});

test("counts a card once per hour, and does not judge a small number of cards", () => {
  const scores = new PairedScores(AGREEMENT, PLAN);
  for (let at = 0; at < 500; at += 1) {
    const championScore = (at % 5) / 5;
    scores.add({ cardToken: `ct_${at % 7}`, championScore, candidateScore: 1 - championScore }, at);
  }
  expect(scores.finding).toMatchObject({ isJudged: false, isBreached: false });
  expect(scores.finding.text).toContain("; 7 payments compared");
});

test("reads only the agreement with this champion", () => {
  const metrics = { agreement: AGREEMENT };
  expect(agreementOf(metrics, AGREEMENT.champion)).toEqual(AGREEMENT);
  expect(agreementOf(metrics, "0000000000c1")).toBeUndefined();
  expect(agreementOf({ agreement: { champion: "x" } }, "x")).toBeUndefined();
});
