/** Chargebacks compared with settled payments, in responses of the console's backend. */

export type DisputeScheme = "all" | "visa" | "mastercard";

/** A monitoring programme of a card scheme, applied to a line. */
export interface ProgramResult {
  /** Such as `VAMP`. */
  readonly program: string;
  /** Such as `excessive`. */
  readonly level: string;
  /** The reports that the programme counts. */
  readonly reports: number;
  /** Null if the settled payments of the programme's month are not known. */
  readonly ratio: number | null;
  readonly ratioMin: number;
  readonly reportsMin: number;
  readonly state: "above" | "below" | "unknown";
  /** First day on which this threshold applies. */
  readonly from: string;
  readonly source: string;
}

export interface DisputeAmounts {
  readonly currency: string;
  readonly settledMinor: number;
  readonly chargebackMinor: number;
  /** Null without settled payments in this currency. */
  readonly ratio: number | null;
}

export interface DisputeLine {
  /** Null for all merchants together; empty for payments without a merchant ID. */
  readonly merchantId: string | null;
  readonly scheme: DisputeScheme;
  readonly settled: number;
  readonly chargebacks: number;
  /** TC40 and SAFE reports. */
  readonly fraudNotices: number;
  /** Chargebacks divided by settled payments of the same month; null if these are not known. */
  readonly ratio: number | null;
  readonly amounts: readonly DisputeAmounts[];
  readonly programs: readonly ProgramResult[];
}

export interface DisputeRatios {
  /** Calendar month in UTC, such as `2026-11`. */
  readonly month: string;
  /**
   * False if not all payments and reports of the month are stored, or if a report concerns a payment whose merchant and
   * card scheme an earlier release did not store. All ratios are then null.
   */
  readonly isComplete: boolean;
  readonly lines: readonly DisputeLine[];
  /** Whether merchants with fewer reports and payments were left out. */
  readonly isCut: boolean;
}
