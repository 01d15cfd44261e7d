import { z } from "zod";

const count = z.number().int().min(0);

/** How far a candidate and the champion agreed on the payments with which they were compared before the rollout. */
export const agreementSchema = z.object({
  /** The version that the candidate was compared with. */
  champion: z.string(),
  /** Number of pairs of payments by two cards that the champion orders clearly; see `PairMatcher`. */
  pairs: count,
  /** Share of pairs that the candidate puts in the same order. A pair with equal scores counts as half. */
  concordance: z.number().min(0).max(1),
  /** Number of payments with a score of at least `from` by both models or by only one, in ascending order of `from`. */
  bands: z
    .array(
      z.object({
        ...{ from: z.number().gt(0).lt(1), both: count, only_candidate: count, only_champion: count },
        /** Frauds among the payments that each model scores at least `from`. */
        ...{ candidate_frauds: count, champion_frauds: count },
      }),
    )
    .max(10),
});

export type Agreement = z.infer<typeof agreementSchema>;

/** Minimum number of payments above a band. With fewer payments, a band does not predict outcomes or precision. */
export const EXPECTED_MIN = 100;

/** Two scores have a clear order if their odds differ by this factor. The order of similar scores is mostly chance. */
const ODDS_RATIO_MIN = 5;

/** Maximum number of payments that wait for a partner. */
const WAITING_MAX = 16;

export interface ScoredPayment {
  readonly cardToken: string;
  readonly candidateScore: number;
  readonly championScore: number;
}

/** Pairs payments by different cards that the champion orders clearly. A payment belongs to at most one pair. */
export class PairMatcher {
  #waiting: ScoredPayment[] = [];

  /** @returns 1 if the candidate reverses the order, 0.5 if its scores are equal, or 0; undefined without a pair */
  add(payment: ScoredPayment): number | undefined {
    const { cardToken, championScore, candidateScore } = payment;
    const at = this.#waiting.findIndex(
      (one) => one.cardToken !== cardToken && orderOf(one.championScore, championScore) !== 0,
    );
    const [other] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (other === undefined) {
      this.#waiting = [...this.#waiting, payment].slice(-WAITING_MAX);
      return undefined;
    }
    return (1 - orderOf(other.championScore, championScore) * Math.sign(other.candidateScore - candidateScore)) / 2;
  }
}

/** 1 or -1 for the order of two scores; 0 if the order is not clear. */
function orderOf(one: number, other: number): number {
  const [odds, otherOdds] = [one * (1 - other), other * (1 - one)];
  if (odds > ODDS_RATIO_MIN * otherOdds) return 1;
  return otherOdds > ODDS_RATIO_MIN * odds ? -1 : 0;
}

/** How much lower the candidate's precision was above the lowest band; 0 if it was not lower, or with few payments. */
export function expectedLoss({ bands: [band] }: Agreement): number {
  if (band === undefined) return 0;
  const [candidate, champion] = [band.both + band.only_candidate, band.both + band.only_champion];
  if (Math.min(candidate, champion) < EXPECTED_MIN) return 0;
  return Math.max(0, band.champion_frauds / champion - band.candidate_frauds / candidate);
}

/** Assumed for a version that was not compared with this champion. */
export const NO_AGREEMENT: Agreement = { champion: "", pairs: 0, concordance: 0.8, bands: [] };

/** Reads the agreement from a manifest's metrics; undefined if the candidate was not compared with this champion. */
export function agreementOf(
  metrics: Readonly<Record<string, unknown>>,
  championVersion: string,
): Agreement | undefined {
  const agreement = agreementSchema.safeParse(metrics.agreement).data;
  return agreement?.champion === championVersion ? agreement : undefined;
}
