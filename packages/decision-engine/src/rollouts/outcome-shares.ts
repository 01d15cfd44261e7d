import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Agreement } from "./agreement.js";
import { EXPECTED_MIN } from "./agreement.js";
import { BetOnMean, logAverage } from "./bet-on-mean.js";
import type { Finding } from "./finding.js";
import { EVIDENCE_MIN, evidence } from "./finding.js";
import type { GuardPlan } from "./guard-plan.js";

type Band = Agreement["bands"][number];

/** A difference of at most this many standard deviations may be chance, so it is not expected to recur. */
const NORMAL_QUANTILE = 2;
const OUTCOMES = [Outcome.CHALLENGE, Outcome.REVIEW, Outcome.DECLINE];
/** Maximum number of cards per outcome, about 10 MB; the oldest are dropped and may then count again. */
const CARDS_MAX = 50_000;

interface Tally {
  readonly outcome: Outcome;
  readonly cards: Set<string>;
  readonly more: BetOnMean;
  readonly fewer: BetOnMean;
  ofCandidate: number;
  ofChampion: number;
}

/**
 * Compares how often each model challenges, reviews and declines cards. If both models are alike, the candidate decides
 * a card's first payment with an outcome with a probability equal to its share of the cards. This is exact, regardless
 * of the traffic and of how often a card pays, because cards are assigned at random.
 */
export class OutcomeShares {
  readonly #tallies: readonly Tally[] = OUTCOMES.map((outcome) => ({
    ...{ outcome, cards: new Set<string>(), more: new BetOnMean(), fewer: new BetOnMean() },
    ...{ ofCandidate: 0, ofChampion: 0 },
  }));
  readonly #moreMax: number;
  readonly #fewerMin: number;
  #share = 0;

  /** @param expected shows how much the numbers of payments above the bands differed before the rollout */
  constructor(expected: Agreement, plan: Pick<GuardPlan, "outcome_ratio_max">) {
    const bands = expected.bands.filter((band) => band.both + band.only_champion >= EXPECTED_MIN);
    this.#moreMax = plan.outcome_ratio_max * Math.max(1, ...bands.map((band) => ratioOf(band, -NORMAL_QUANTILE)));
    this.#fewerMin = Math.min(1, ...bands.map((band) => ratioOf(band, NORMAL_QUANTILE))) / plan.outcome_ratio_max;
  }

  /** @param share the candidate's share of the cards, above 0 and below 1 */
  add(arm: "candidate" | "champion", { cardToken, outcome }: { cardToken: string; outcome: Outcome }, share: number) {
    this.#share = share;
    const tally = this.#tallies.find((one) => one.outcome === outcome);
    if (tally === undefined || tally.cards.has(cardToken) || share <= 0 || share >= 1) return;
    tally.cards.add(cardToken);
    const [oldest] = tally.cards;
    if (tally.cards.size > CARDS_MAX && oldest !== undefined) tally.cards.delete(oldest);
    const isCandidate = arm === "candidate";
    if (isCandidate) tally.ofCandidate += 1;
    else tally.ofChampion += 1;
    tally.more.add(Number(isCandidate), candidates(share, this.#moreMax));
    tally.fewer.add(Number(!isCandidate), 1 - candidates(share, this.#fewerMin));
  }

  /** @param cards the finding that says whether enough cards of both models have paid */
  findingFor({ isJudged, data = [] }: Pick<Finding, "isJudged" | "data">): Finding {
    // Most of the capital bets on more outcomes, because these affect customers.
    const log = logAverage(this.#tallies.flatMap(({ more, fewer }) => [more, more, more, fewer]));
    const isBreached = isJudged && log > EVIDENCE_MIN;
    const capitalOf = ({ more, fewer }: Tally): number => logAverage([more, fewer]);
    const worst = this.#tallies.toSorted((one, other) => capitalOf(other) - capitalOf(one)).slice(0, 1);
    const text = (isBreached ? worst : this.#tallies).map((tally) => this.#describe(tally)).join("; ");
    return { guard: "outcomes", isJudged, isBreached, text, figure: evidence(log, EVIDENCE_MIN), data };
  }

  #describe({ outcome, ofCandidate, ofChampion }: Tally): string {
    const share = `${Number((100 * this.#share).toFixed(2))} % of the cards`;
    return (
      `the outcome ${Outcome[outcome].toLowerCase()}: ${ofCandidate} of ${ofCandidate + ofChampion} cards are the ` +
      `candidate's, which decides for ${share}`
    );
  }
}

/** Ratio of the candidate's payments above a band to the champion's, shifted by this many standard deviations. */
function ratioOf({ both, only_candidate: candidate, only_champion: champion }: Band, deviations: number): number {
  return (both + candidate + deviations * Math.sqrt(candidate + champion)) / (both + champion);
}

/** The candidate's share of the cards with an outcome, if it is this many times as frequent among its cards. */
function candidates(share: number, ratio: number): number {
  return (share * ratio) / (share * ratio + 1 - share);
}
