import type { Agreement, ScoredPayment } from "./agreement.js";
import { PairMatcher } from "./agreement.js";
import { BetOnMean, logAverage } from "./bet-on-mean.js";
import { likelyMaximum } from "./chance-bounds.js";
import type { Finding } from "./finding.js";
import { EVIDENCE_MIN, evidence, percent } from "./finding.js";
import type { GuardPlan } from "./guard-plan.js";

/** A card counts at most once within this time, because its payments are alike. */
const PAUSE_MS = 3_600_000;
/** A wave of frauds of one kind can shift the agreement above a band by this much. */
const BAND_POINTS = 0.3;
/** Bets on the order are large, because it hardly varies for candidates within their limits. */
const ORDER_SHARES = [0.16, 0.32, 0.64, 0.9];
/** Maximum, about 10 MB; the oldest are dropped. */
const CARDS_MAX = 50_000;

interface Band {
  readonly from: number;
  readonly onlyCandidate: BetOnMean;
  readonly onlyChampion: BetOnMean;
  /** Maximum shares of payments that only one model puts above the band, among those that either model does. */
  readonly candidateMax: number;
  readonly championMax: number;
}

/**
 * Compares the agreement of both models' scores with their agreement before the rollout: whether they put two payments
 * in the same order, and whether they agree on which payments are above each band. Neither depends on which cards pay
 * or on how much fraud there is.
 */
export class PairedScores {
  readonly #order = new BetOnMean(ORDER_SHARES);
  readonly #discordanceMax: number;
  readonly #bands: readonly Band[];
  /** Time of the last payment that counted, by card. */
  readonly #counted = new Map<string, number>();
  readonly #matcher = new PairMatcher();
  #payments = 0;
  #pairs = 0;
  #sameOrder = 0;

  constructor(
    private readonly expected: Agreement,
    private readonly plan: Pick<GuardPlan, "agreement_points_max" | "cards_min">,
  ) {
    const { pairs, concordance, bands } = expected;
    const points = plan.agreement_points_max;
    this.#discordanceMax = limitOf(1 - concordance, pairs, points);
    this.#bands = bands.map(({ from, both, only_candidate: candidate, only_champion: champion }) => {
      const either = both + candidate + champion;
      const bandPoints = Math.max(points, BAND_POINTS);
      const maximum = (only: number): number => (either === 0 ? 1 : limitOf(only / either, either, bandPoints));
      const bets = { onlyCandidate: new BetOnMean(), onlyChampion: new BetOnMean() };
      return { from, ...bets, candidateMax: maximum(candidate), championMax: maximum(champion) };
    });
  }

  add(payment: ScoredPayment, decidedAtMs: number): void {
    const { cardToken } = payment;
    const lastMs = this.#counted.get(cardToken);
    if (lastMs !== undefined && decidedAtMs < lastMs + PAUSE_MS) return;
    this.#counted.delete(cardToken);
    this.#counted.set(cardToken, decidedAtMs);
    const [oldest] = this.#counted.keys();
    if (this.#counted.size > CARDS_MAX && oldest !== undefined) this.#counted.delete(oldest);
    this.#payments += 1;
    this.#compareBands(payment);
    this.#compareOrder(payment);
  }

  #compareBands({ candidateScore, championScore }: ScoredPayment): void {
    for (const { from, onlyCandidate, onlyChampion, candidateMax, championMax } of this.#bands) {
      const [candidate, champion] = [candidateScore >= from, championScore >= from];
      if (!candidate && !champion) continue;
      onlyCandidate.add(Number(!champion), candidateMax);
      onlyChampion.add(Number(!candidate), championMax);
    }
  }

  #compareOrder(payment: ScoredPayment): void {
    const otherOrder = this.#matcher.add(payment);
    if (otherOrder === undefined) return;
    this.#pairs += 1;
    this.#sameOrder += 1 - otherOrder;
    this.#order.add(otherOrder, this.#discordanceMax);
  }

  get finding(): Finding {
    const bands = this.#bands.flatMap(({ onlyCandidate, onlyChampion }) => [onlyCandidate, onlyChampion]);
    // Half of the capital bets on the order, and half on the bands.
    const order = this.#order.logCapital;
    const log = bands.length === 0 ? order : Math.log((Math.exp(order) + Math.exp(logAverage(bands))) / 2);
    const data = [{ kind: "cards", count: this.#counted.size, needed: this.plan.cards_min }] as const;
    const isJudged = this.#counted.size >= this.plan.cards_min;
    const text =
      `both models put ${percent(this.#pairs === 0 ? 1 : this.#sameOrder / this.#pairs)} of ${this.#pairs} pairs of ` +
      `payments in the same order, ${percent(this.expected.concordance)} ` +
      `${this.expected.pairs === 0 ? "are assumed" : "before the rollout"}; ${this.#payments} payments compared`;
    const figure = evidence(log, EVIDENCE_MIN);
    return { guard: "score-distribution", isJudged, isBreached: isJudged && log > EVIDENCE_MIN, text, figure, data };
  }
}

/** The tolerated share of disagreement: the expected share plus `points`, or more if few payments were compared. */
function limitOf(expected: number, count: number, points: number): number {
  return Math.max(expected + points, count === 0 ? 0 : likelyMaximum(expected, count));
}
