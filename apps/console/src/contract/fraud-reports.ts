/** Fraud reports of a payment, in responses of the console's backend. */

export type ReportKind = "chargeback" | "tc40" | "safe" | "early_warning" | "refund" | "analyst" | "customer";
export type ReportStage = "received" | "represented" | "won" | "lost";
/** The verdict that a report implies; `nothing` if none. */
export type ReportVerdict = "fraud" | "genuine" | "nothing";

/**
 * Why a report does not match its payment or its other versions:
 *
 * - `other-card`: its card is not the payment's card, so the report does not count
 * - `other-payment`: a later version is about another payment, so this version does not count
 * - `conflicting-version`: the same version arrived again with different content, which is ignored
 * - `other-currency`: its currency is not the payment's currency
 * - `over-amount`: its amount exceeds the payment's amount
 * - `backwards`: an earlier version had a later stage
 */
export type ReportFinding =
  | "other-card"
  | "other-payment"
  | "conflicting-version"
  | "other-currency"
  | "over-amount"
  | "backwards";

export interface FraudReportRow {
  readonly id: string;
  /** The ID that the client gave the report. */
  readonly reportId: string;
  readonly version: number;
  readonly kind: ReportKind;
  readonly stage: ReportStage;
  readonly isWithdrawn: boolean;
  /** Empty if the client sent none. */
  readonly reasonCode: string;
  readonly amountMinor: number | null;
  readonly currency: string;
  readonly verdict: ReportVerdict;
  readonly policyVersion: string;
  readonly finding: ReportFinding | null;
}
