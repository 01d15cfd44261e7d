import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestRow } from "./backtest-row.js";
import { SEGMENT_NAMES } from "./backtest-row.js";
import { clusteredShare } from "./clustered-share.js";
import type { Estimate } from "./wilson-interval.js";

/**
 * The verdict on a payment. `young`: its label may still arrive. `unlabelled`: it should have arrived by now, but has
 * not.
 */
export type Truth = "fraud" | "genuine" | "young" | "unlabelled";

export interface TruthRule {
  /**
   * Payments after this time are too recent for a verdict, even if they have a label: frauds are labelled earlier, so
   * counting these labels would bias the result.
   */
  readonly matureBeforeMs: number;
  /**
   * Whether an old payment without a label is genuine, because genuine payments get one only in exceptional cases. Does
   * not apply to payments that were declined or abandoned, because nobody disputes them.
   */
  readonly isUnlabelledGenuine: boolean;
}

export function truthOf(row: BacktestRow, rule: TruthRule): Truth {
  const { occurredAtMs, isFraud, decided, isNotPaid, exploredWeight } = row;
  if (occurredAtMs >= rule.matureBeforeMs) return "young";
  if (isFraud !== undefined) return isFraud ? "fraud" : "genuine";
  const isDeclined = decided === Outcome.DECLINE && exploredWeight === undefined;
  const isDisputable = !isDeclined && isNotPaid !== true;
  return rule.isUnlabelledGenuine && isDisputable ? "genuine" : "unlabelled";
}

/** Payments by one card, or by all cards. */
export interface Counts {
  rows: number;
  frauds: number;
  genuine: number;
}

export type CountName = keyof Counts;

const DAY_MS = 86_400_000;

/** All payments of a backtest: the denominator of its shares. */
export class Population {
  readonly total: Counts = { rows: 0, frauds: 0, genuine: 0 };
  young = 0;
  /** `young` payments that already have a fraud label. */
  youngFrauds = 0;
  unlabelled = 0;
  readonly cards: Counts[] = [];
  /** Total amount of the frauds by currency, in minor units. */
  readonly fraudMinor = new Map<string, number>();
  /** Payments by segment value, such as `EUR`: one map per segment, in the order of `SEGMENT_NAMES`. */
  readonly segments: readonly Map<string, number>[] = SEGMENT_NAMES.map(() => new Map());
  readonly #cardOf = new Map<string, number>();
  readonly #days = new Map<number, number>();
  #squares: Counts = { rows: 0, frauds: 0, genuine: 0 };

  /** @returns the number of the payment's card */
  add(row: BacktestRow, truth: Truth): number {
    const card = this.#cardOf.get(row.cardToken) ?? this.cards.push({ rows: 0, frauds: 0, genuine: 0 }) - 1;
    this.#cardOf.set(row.cardToken, card);
    for (const counts of [this.total, this.cards[card]]) if (counts !== undefined) countTruth(counts, truth);
    if (truth === "young") this.young += 1;
    if (truth === "young" && row.isFraud === true) this.youngFrauds += 1;
    if (truth === "unlabelled") this.unlabelled += 1;
    if (truth === "fraud") {
      this.fraudMinor.set(row.currency, (this.fraudMinor.get(row.currency) ?? 0) + row.amountMinor);
    }
    const day = dayOf(row);
    this.#days.set(day, (this.#days.get(day) ?? 0) + 1);
    row.segments.forEach((value, index) => {
      const rows = this.segments[index];
      rows?.set(value, (rows.get(value) ?? 0) + 1);
    });
    return card;
  }

  /** Payments per day (UTC, as days since 1970-01-01), from the first day with payments to the last. */
  days(): { readonly day: number; readonly rows: number }[] {
    let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const day of this.#days.keys()) [first, last] = [Math.min(first, day), Math.max(last, day)];
    if (first > last) return [];
    return Array.from({ length: last - first + 1 }, (_, index) => ({
      day: first + index,
      rows: this.#days.get(first + index) ?? 0,
    }));
  }

  /** Computes the sums on which shares are based. Call it once, after the last payment. */
  close(): void {
    this.#squares = { rows: 0, frauds: 0, genuine: 0 };
    for (const card of this.cards) {
      for (const name of ["rows", "frauds", "genuine"] as const) this.#squares[name] += card[name] ** 2;
    }
  }

  /** The hits as a share of all payments, of the frauds or of the genuine payments. */
  shareOf(name: CountName, hits: ReadonlyMap<number, Counts>): Estimate | undefined {
    const touched = [...hits].map(([card, counts]) => ({ hits: counts[name], units: this.cards[card]?.[name] ?? 0 }));
    const units = touched.reduce((sum, cluster) => sum + cluster.units, 0);
    const squares = touched.reduce((sum, cluster) => sum + cluster.units ** 2, 0);
    return clusteredShare(touched, {
      clusters: this.cards.length - touched.length,
      units: this.total[name] - units,
      unitSquares: this.#squares[name] - squares,
    });
  }
}

export function dayOf({ occurredAtMs }: Pick<BacktestRow, "occurredAtMs">): number {
  return Math.floor(occurredAtMs / DAY_MS);
}

export function countTruth(counts: Counts, truth: Truth): void {
  counts.rows += 1;
  if (truth === "fraud") counts.frauds += 1;
  if (truth === "genuine") counts.genuine += 1;
}
