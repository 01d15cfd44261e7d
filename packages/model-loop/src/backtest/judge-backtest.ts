import type { HitFigures } from "@tripline/decision-engine/backtest/hit-measure";
import type { Estimate } from "@tripline/decision-engine/backtest/wilson-interval";
import type { BacktestReport } from "./backtest-policy.js";

/** Shares, 0 to 1, that a draft has to keep. */
export interface BacktestLimits {
  /** Payments that the draft declines. */
  readonly declineShareMax?: number;
  /** Cards of which it declines a payment. */
  readonly declineCardsMax?: number;
  /** Payments that it does not simply approve. */
  readonly stopShareMax?: number;
  /** Payments that the rule hits. */
  readonly hitShareMax?: number;
  /** Of the rule, or of what the draft stops: genuine payments that are hit. */
  readonly annoyedShareMax?: number;
  readonly precisionMin?: number;
  readonly recallMin?: number;
}

/**
 * A sentence for each limit that is broken, by the figure itself and not by its interval. A limit that cannot be judged, for
 * instance a precision without labels, is broken: a draft is not to pass because nothing is known of it.
 */
export function judgeBacktest(report: BacktestReport, limits: BacktestLimits): string[] {
  const part = report.parts.find(({ id }) => id === report.part);
  const { stopped, declined } = report.draft;
  const what: HitFigures = part ?? stopped;
  const name = part === undefined ? "what the draft stops" : part.id;
  return [
    above("The draft declines", "of the payments", declined.share, limits.declineShareMax),
    above("The draft declines payments of", "of the cards", declined.cardShare, limits.declineCardsMax),
    above("The draft stops", "of the payments", stopped.share, limits.stopShareMax),
    above(`${name} hits`, "of the payments", part?.share, limits.hitShareMax),
    above(
      part === undefined ? "The draft stops" : `${name} hits`,
      "of the genuine payments",
      what.annoyed,
      limits.annoyedShareMax,
    ),
    below(`The precision of ${name} is`, what.precision, limits.precisionMin),
    below(`The recall of ${name} is`, what.recall, limits.recallMin),
  ].filter((sentence) => sentence !== undefined);
}

function above(
  subject: string,
  of: string,
  estimate: Estimate | undefined,
  max: number | undefined,
): string | undefined {
  if (max === undefined || (estimate !== undefined && estimate.value <= max)) return undefined;
  if (estimate === undefined) return `${subject} an unknown share ${of}, and the limit is ${percent(max)} at most.`;
  return `${subject} ${percent(estimate.value)} ${of}; the limit is ${percent(max)} at most.`;
}

function below(subject: string, estimate: Estimate | undefined, min: number | undefined): string | undefined {
  if (min === undefined || (estimate !== undefined && estimate.value >= min)) return undefined;
  if (estimate === undefined) return `${subject} unknown, and the limit is ${percent(min)} at least.`;
  return `${subject} ${percent(estimate.value)}; the limit is ${percent(min)} at least.`;
}

function percent(share: number): string {
  return `${(share * 100).toLocaleString("en", { maximumSignificantDigits: 3 })} %`;
}
