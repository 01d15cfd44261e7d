import type { ReportKind } from "../contract/fraud-reports.js";

/** Settled payments of a month, grouped by these values. */
export interface SettledFigures {
  /** Null for all merchants together. */
  readonly merchantId: string | null;
  readonly month: string;
  readonly scheme: string;
  readonly isRemote: boolean;
  readonly currency: string;
  readonly payments: number;
  readonly amountMinor: number;
}

/** Reports, grouped by these values of their payments. A payment counts once per kind. */
export interface ReportedFigures {
  /** Null for all merchants together. */
  readonly merchantId: string | null;
  readonly scheme: string;
  readonly isRemote: boolean;
  readonly currency: string;
  readonly kind: ReportKind;
  readonly reasonCode: string;
  readonly reports: number;
  readonly amountMinor: number;
}

export interface DisputeFigures {
  /** Merchants to show, in this order. */
  readonly merchants: readonly string[];
  /** Settled payments of the month and of the month before. */
  readonly settled: readonly SettledFigures[];
  readonly reported: readonly ReportedFigures[];
  /** Months for which all payments and reports are stored, with the merchant and card scheme of every payment. */
  readonly complete: ReadonlySet<string>;
}
