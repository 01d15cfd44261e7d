import type { BacktestRow } from "./backtest-row.js";
import { SEGMENT_NAMES } from "./backtest-row.js";
import { clusteredShare } from "./clustered-share.js";
import type { Counts, Population, Truth } from "./population.js";
import { countTruth, dayOf } from "./population.js";
import type { Estimate } from "./wilson-interval.js";
import { wilsonInterval } from "./wilson-interval.js";

/** A sum of money, with its interval if known. */
export type TotalEstimate = Estimate | { readonly value: number };

/** Maximum number of values shown per segment. Those with the most hits come first. */
const VALUES_MAX = 24;

/** Money by currency, in minor units. */
export interface CaughtMoney {
  readonly currency: string;
  /** Total of the frauds that were hit. */
  readonly caught: TotalEstimate;
  /** Total of all known frauds. */
  readonly fraud: number;
  /** Total of the genuine payments that were hit. */
  readonly falsePositives: TotalEstimate;
}

export interface SegmentHits {
  readonly segment: string;
  readonly value: string;
  readonly rows: number;
  readonly hits: number;
  readonly genuine: number;
}

/** Statistics of the hits. Shares are undefined if their denominator is zero. */
export interface HitFigures {
  readonly hits: number;
  readonly perDay: number;
  /** Share of all payments. */
  readonly share: Estimate | undefined;
  /** Cards with a hit, and their share of all cards. */
  readonly cards: number;
  readonly cardShare: Estimate | undefined;
  readonly frauds: number;
  readonly genuine: number;
  /** Hits without a verdict, either so far or permanently. */
  readonly unknown: number;
  /** Frauds divided by hits with a verdict. */
  readonly precision: Estimate | undefined;
  /** Share of the known frauds that were hit. */
  readonly recall: Estimate | undefined;
  /** Share of the genuine payments that were hit. */
  readonly falsePositiveRate: Estimate | undefined;
  readonly money: readonly CaughtMoney[];
  /** By day, from the first with payments to the last. */
  readonly daily: readonly number[];
}

/** The payments that a rule hit or a policy stopped. */
export class HitMeasure {
  readonly #total: Counts = { rows: 0, frauds: 0, genuine: 0 };
  readonly #cards = new Map<number, Counts>();
  readonly #money = new Map<number, Map<string, number>>();
  readonly #days = new Map<number, number>();
  readonly #segments: readonly Map<string, { hits: number; genuine: number }>[] = SEGMENT_NAMES.map(() => new Map());

  get hits(): number {
    return this.#total.rows;
  }

  /** @param card its number in the population */
  add(row: BacktestRow, truth: Truth, card: number): void {
    const counts = this.#cards.get(card) ?? { rows: 0, frauds: 0, genuine: 0 };
    this.#cards.set(card, counts);
    for (const each of [this.#total, counts]) countTruth(each, truth);
    const day = dayOf(row);
    this.#days.set(day, (this.#days.get(day) ?? 0) + 1);
    if (truth === "fraud" || truth === "genuine") {
      const money = this.#money.get(card) ?? new Map<string, number>();
      this.#money.set(card, money);
      const column = `${truth} ${row.currency}`;
      money.set(column, (money.get(column) ?? 0) + row.amountMinor);
    }
    row.segments.forEach((value, index) => {
      const values = this.#segments[index];
      const found = values?.get(value) ?? { hits: 0, genuine: 0 };
      values?.set(value, found);
      found.hits += 1;
      if (truth === "genuine") found.genuine += 1;
    });
  }

  /** Amounts of a card with hits, by verdict and currency: `fraud EUR`, `genuine EUR`. */
  moneyOf(card: number): ReadonlyMap<string, number> | undefined {
    return this.#money.get(card);
  }

  /** @param money returns the total of a column of `moneyOf`; undefined if there are no hits */
  figures(population: Population, money: (column: string) => TotalEstimate | undefined): HitFigures {
    const { rows, frauds, genuine } = this.#total;
    const days = population.days();
    const cards = population.cards.length;
    const currencies = [...(population.segments[SEGMENT_NAMES.indexOf("currency")]?.keys() ?? [])].sort();
    const known = [...this.#cards.values()].map((card) => ({ hits: card.frauds, units: card.frauds + card.genuine }));
    return {
      hits: rows,
      perDay: rows / Math.max(1, days.length),
      share: population.shareOf("rows", this.#cards),
      cards: this.#cards.size,
      cardShare: cards === 0 ? undefined : wilsonInterval(this.#cards.size / cards, cards),
      frauds,
      genuine,
      unknown: rows - frauds - genuine,
      precision: clusteredShare(known.filter(({ units }) => units > 0)),
      recall: population.shareOf("frauds", this.#cards),
      falsePositiveRate: population.shareOf("genuine", this.#cards),
      money: currencies.map((currency) => ({
        currency,
        caught: money(`fraud ${currency}`) ?? { value: 0 },
        fraud: population.fraudMinor.get(currency) ?? 0,
        falsePositives: money(`genuine ${currency}`) ?? { value: 0 },
      })),
      daily: days.map(({ day }) => this.#days.get(day) ?? 0),
    };
  }

  /** The values with the most hits, by segment. */
  segments(population: Population): SegmentHits[] {
    return SEGMENT_NAMES.flatMap((segment, index) =>
      [...(this.#segments[index] ?? [])]
        .toSorted(([, left], [, right]) => right.hits - left.hits)
        .slice(0, VALUES_MAX)
        .map(([value, counts]) => ({ segment, value, rows: population.segments[index]?.get(value) ?? 0, ...counts })),
    );
  }
}
