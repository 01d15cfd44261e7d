/** Fraud reports of a payment, in responses of the console's backend. */

export type ReportKind = "chargeback" | "tc40" | "safe" | "early_warning" | "refund" | "analyst" | "customer";
export type ReportStage = "received" | "represented" | "won" | "lost";
/** What a report counts as. */
export type ReportVerdict = "fraud" | "genuine" | "nothing";

/**
 * The reason why a report does not match its payment or its own earlier versions:
 *
 * - `other-card`: its card is not the payment's card, so it does not count
 * - `other-payment`: a later version is about another payment, so this one does not count
 * - `conflicting-version`: the same version arrived later with different content, which does not count
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
  /** The client's ID of the report. */
  readonly reportId: string;
  readonly version: number;
  readonly kind: ReportKind;
  readonly stage: ReportStage;
  readonly isWithdrawn: boolean;
  /** Empty if it was not sent. */
  readonly reasonCode: string;
  readonly amountMinor: number | null;
  readonly currency: string;
  readonly verdict: ReportVerdict;
  readonly policyVersion: string;
  readonly finding: ReportFinding | null;
}
