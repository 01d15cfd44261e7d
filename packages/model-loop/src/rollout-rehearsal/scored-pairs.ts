import type { Agreement } from "@tripline/decision-engine/rollouts/agreement";
import { PairMatcher } from "@tripline/decision-engine/rollouts/agreement";
import type { Random } from "@tripline/simulator/seed-random";
import { normal } from "@tripline/simulator/seed-random";

/** A payment with the scores of two equally good models that were trained on different weeks. */
export interface ScoredPair {
  readonly card: string;
  readonly isFraud: boolean;
  readonly championScore: number;
  readonly candidateScore: number;
}

/**
 * With these values, the pairs resemble those of two models trained on different weeks of the demo's payments: 86 % of
 * the pairs are in the same order, and about a third of the payments above a band are above it for only one model.
 */
const FRAUD_SHARE = 0.01;
const SEPARATION = 3.6;
/** Share of the variance of genuine scores that is common to both models. */
const COMMON = 0.8;
const CARDS_PER_PAYMENT = 0.5;

export const BANDS = [0.15, 0.35, 0.6];

/** Draws payments of many cards, some of which pay more often than others. */
export function drawPairs(count: number, random: Random): ScoredPair[] {
  const cards = Math.ceil(count * CARDS_PER_PAYMENT);
  return Array.from({ length: count }, () => {
    const isFraud = random() < FRAUD_SHARE;
    const common = Math.sqrt(COMMON) * normal(random);
    const evidence = () => (isFraud ? SEPARATION : 0) + common + Math.sqrt(1 - COMMON) * normal(random);
    return {
      card: `ct_${Math.floor(cards * random() ** 1.5)}`,
      isFraud,
      championScore: probability(evidence()),
      candidateScore: probability(evidence()),
    };
  });
}

/** The probability of fraud given a model's evidence, so that both models are calibrated. */
function probability(evidence: number): number {
  const odds = Math.log(FRAUD_SHARE / (1 - FRAUD_SHARE)) + SEPARATION * evidence - SEPARATION ** 2 / 2;
  return 1 / (1 + Math.exp(-odds));
}

/** The agreement that a retraining would store for these payments. */
export function agreementOn(pairs: readonly ScoredPair[], championVersion: string): Agreement {
  const matcher = new PairMatcher();
  const orders = pairs.map(({ card: cardToken, ...scores }) => matcher.add({ cardToken, ...scores }));
  const otherOrders = orders.filter((order) => order !== undefined);
  const concordance = 1 - otherOrders.reduce((sum, order) => sum + order, 0) / Math.max(1, otherOrders.length);
  const bands = BANDS.map((from) => {
    const count = (candidate: boolean, champion: boolean): number =>
      pairs.filter((pair) => pair.candidateScore >= from === candidate && pair.championScore >= from === champion)
        .length;
    const frauds = (name: "candidateScore" | "championScore"): number =>
      pairs.filter((pair) => pair.isFraud && pair[name] >= from).length;
    return {
      ...{ from, both: count(true, true), only_candidate: count(true, false), only_champion: count(false, true) },
      ...{ candidate_frauds: frauds("candidateScore"), champion_frauds: frauds("championScore") },
    };
  });
  return { champion: championVersion, pairs: otherOrders.length, concordance, bands };
}

/**
 * Reads the pairs of two real models.
 *
 * @param text lines of card, 1 for a fraud, the champion's score and the candidate's score, comma-separated
 */
export function parsePairs(text: string): ScoredPair[] {
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [card = "", fraud, championScore, candidateScore] = line.split(",");
      const scores = { championScore: Number(championScore), candidateScore: Number(candidateScore) };
      return { card, isFraud: fraud === "1", ...scores };
    });
}
