import type { BacktestRow } from "./backtest-row.js";
import { SEGMENT_NAMES } from "./backtest-row.js";
import { dayOf } from "./population.js";

/** Expected cost of a draft's exploration in one currency: a daily average, summed over all tenants. */
export interface ExplorationCost {
  readonly currency: string;
  /** Declines that could be explored. */
  readonly payments: number;
  /** Expected number of approved payments per day. */
  readonly approvedPerDay: number;
  /** Their expected amount per day, in minor units. */
  readonly amountMinorPerDay: number;
  /** The part of that amount that is expected to be fraud, based on the scores. */
  readonly lossMinorPerDay: number;
}

interface DaySums {
  readonly currency: string;
  readonly limitMinor: number;
  payments: number;
  approved: number;
  amountMinor: number;
  lossMinor: number;
}

/** Adds up expected values by tenant, day (UTC) and currency, so that each day's limit can be applied. */
export class ExplorationTally {
  readonly #sums = new Map<string, DaySums>();

  add(row: BacktestRow): void {
    if (row.explorable === undefined) return;
    const { probability, score, dailyLossMinorMax: limitMinor } = row.explorable;
    const { amountMinor, currency } = row;
    const key = `${row.segments[SEGMENT_NAMES.indexOf("tenant")]} ${dayOf(row)} ${currency}`;
    const nothing = { payments: 0, approved: 0, amountMinor: 0, lossMinor: 0 };
    const sums = this.#sums.get(key) ?? { currency, limitMinor, ...nothing };
    this.#sums.set(key, sums);
    sums.payments += 1;
    sums.approved += probability;
    sums.amountMinor += probability * amountMinor;
    sums.lossMinor += probability * amountMinor * score;
  }

  /** @param days number of days of the backtest */
  costs(days: number): ExplorationCost[] {
    return [...Map.groupBy(this.#sums.values(), ({ currency }) => currency)].map(([currency, all]) => {
      // If a day exceeds its limit, its sums are scaled down to the limit.
      const perDay = (name: "approved" | "amountMinor" | "lossMinor"): number =>
        all.reduce((sum, day) => sum + day[name] * Math.min(1, day.limitMinor / day.amountMinor), 0) /
        Math.max(1, days);
      return {
        currency,
        payments: all.reduce((sum, day) => sum + day.payments, 0),
        approvedPerDay: perDay("approved"),
        amountMinorPerDay: perDay("amountMinor"),
        lossMinorPerDay: perDay("lossMinor"),
      };
    });
  }
}
