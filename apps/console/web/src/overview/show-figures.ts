import type { OverviewFigures, Sum } from "#contract/overview";
import { formatCount, formatRoundMoney, formatShare } from "../format/numbers.js";
import { text } from "../texts/en/overview.js";

const SHARE_DIGITS = 2;

export const shareOf = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

/** Figures as text. Each has a definition in `texts/en/overview.ts`. */
export const FIGURES = [
  "payments",
  "approvalRate",
  "fraudRate",
  "lost",
  "stopped",
  "falsePositives",
  "precision",
] as const;
export type FigureName = (typeof FIGURES)[number];

export interface ShownFigure {
  readonly value: string;
  /** The same figure in money, or in payments. */
  readonly also?: string;
  /** The value is a reason why there is none. */
  readonly isUnknown?: boolean;
}

const unknown = (value: string): ShownFigure => ({ value, isUnknown: true });
const NONE_YET = unknown(text.noReports);

const inMoney = (sum: Sum | null, currency: string): ShownFigure =>
  sum === null
    ? NONE_YET
    : { value: formatRoundMoney(sum.amountMinor, currency), also: text.payments(formatCount(sum.count), sum.count) };

export function fraudRateOf({ mature }: OverviewFigures): number | null {
  return mature === null ? null : shareOf(mature.frauds.count, mature.payments.count);
}

function showFraudRate({ mature, frauds }: OverviewFigures): ShownFigure {
  if (frauds === null) return NONE_YET;
  if (mature === null) return unknown(text.tooRecent);
  const byAmount = shareOf(mature.frauds.amountMinor, mature.payments.amountMinor);
  return {
    value: formatShare(shareOf(mature.frauds.count, mature.payments.count), SHARE_DIGITS),
    also: text.byAmount(formatShare(byAmount, SHARE_DIGITS)),
  };
}

function showApprovalRate({ payments, approved }: OverviewFigures): ShownFigure {
  if (payments.count === 0) return unknown(text.noPayments);
  return { value: formatShare(shareOf(approved.count, payments.count), SHARE_DIGITS) };
}

function showPrecision({ stopped, falsePositives }: OverviewFigures): ShownFigure {
  if (stopped === null || falsePositives === null) return NONE_YET;
  const judged = stopped.count + falsePositives.count;
  if (judged === 0) return unknown(text.noneJudged);
  return { value: formatShare(stopped.count / judged), also: text.ofJudged(formatCount(judged)) };
}

export function showFigure(name: FigureName, of: OverviewFigures, currency: string): ShownFigure {
  switch (name) {
    case "payments":
      return { value: formatCount(of.payments.count), also: formatRoundMoney(of.payments.amountMinor, currency) };
    case "approvalRate":
      return showApprovalRate(of);
    case "fraudRate":
      return showFraudRate(of);
    case "precision":
      return showPrecision(of);
    default:
      return inMoney(of[name], currency);
  }
}
