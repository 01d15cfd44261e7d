/** `GET /api/overview`: payments, verdicts and amounts of a period, compared with the period before. Days are in UTC. */

export type Bucket = "day" | "week" | "month";
export type Dimension = "country" | "merchant" | "model" | "reason";

export interface Sum {
  readonly count: number;
  /** In the currency's smallest unit. */
  readonly amountMinor: number;
}

/**
 * A payment counts on the day on which it took place, and so does its verdict, if that arrives within `verdictDays`.
 * `frauds` is `lost` and `stopped`. Null: the tenant has no verdict yet, so the figure is unknown, not 0.
 */
export interface OverviewFigures {
  readonly payments: Sum;
  readonly approved: Sum;
  /** Challenged, or sent to review. */
  readonly reviewed: Sum;
  readonly declined: Sum;
  /** Payments with a fraud verdict. */
  readonly frauds: Sum | null;
  /** Frauds that were approved. */
  readonly lost: Sum | null;
  /** Frauds that were challenged, reviewed or declined. */
  readonly stopped: Sum | null;
  /** Challenged, reviewed or declined payments with a genuine verdict. */
  readonly falsePositives: Sum | null;
  /** Payments, and the frauds among them, of days that are old enough for a verdict. Null if there is no such day. */
  readonly mature: { readonly payments: Sum; readonly frauds: Sum } | null;
}

export interface OverviewBucket {
  /** The first day of the day, ISO week or month, such as `2026-11-30`. */
  readonly start: string;
  readonly figures: OverviewFigures;
  /** The figures of the bucket that is as far into the period before. */
  readonly previous: OverviewFigures;
}

export interface OverviewLine {
  /** A country, merchant, model version or reason. Empty: the payment has none. `*`: all merchants beyond the limit. */
  readonly value: string;
  readonly figures: OverviewFigures;
  readonly previous: OverviewFigures;
}

export interface CurrencyOverview {
  readonly currency: string;
  readonly total: OverviewFigures;
  readonly previous: OverviewFigures;
  readonly buckets: readonly OverviewBucket[];
  /** By the requested dimension, most payments first. */
  readonly lines: readonly OverviewLine[];
  /** There are more values than lines. */
  readonly isCut: boolean;
}

/** First and last day. */
export interface Days {
  readonly from: string;
  readonly to: string;
}

export interface Overview {
  readonly bucket: Bucket;
  /** What the lines are about; null if none were requested. */
  readonly by: Dimension | null;
  readonly days: Days;
  readonly previousDays: Days;
  /** The first day whose payments are too recent for a verdict; null without verdicts. */
  readonly matureBefore: string | null;
  /** False if the tenant has never had a payment. */
  readonly hasPayments: boolean;
  readonly hasVerdicts: boolean;
  /** The last day with payments that are not counted, because an earlier release stored them; null if all are counted. */
  readonly countedSince: string | null;
  /** The first day whose figures are kept, if one of the periods starts before it; null if both are complete. */
  readonly keptFrom: string | null;
  /** For how many days a verdict counts after the console has read its payment. Longer for payments in a case. */
  readonly verdictDays: number;
  /** The currency with the most payments first. */
  readonly currencies: readonly CurrencyOverview[];
}
