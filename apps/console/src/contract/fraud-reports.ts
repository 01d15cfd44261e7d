/** Fraud reports of a payment, in responses of the console's backend. */

export type ReportKind = "chargeback" | "tc40" | "safe" | "early_warning" | "refund" | "analyst" | "customer";
export type ReportStage = "received" | "represented" | "won" | "lost";
/** The verdict that a report implies; `nothing` if none. */
export type ReportVerdict = "fraud" | "genuine" | "nothing";

/**
 * Why a report does not match its payment or its other versions:
 *
 * - `other-card`: its card is not the payment's card, so the report does not count
 * - `other-payment`: a later version is about another payment or contradicts this one, so this version does not count
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

/** A version of a report. */
export interface ReportVersion {
  readonly id: string;
  /** The ID that the client gave the report. */
  readonly reportId: string;
  readonly version: number;
  readonly kind: ReportKind;
  readonly stage: ReportStage;
  readonly isWithdrawn: boolean;
  readonly amountMinor: number | null;
  readonly currency: string;
}

export interface FraudReportRow extends ReportVersion {
  /** Empty if the client sent none. */
  readonly reasonCode: string;
  readonly verdict: ReportVerdict;
  readonly policyVersion: string;
  readonly finding: ReportFinding | null;
  /** Null if the report named its payment. */
  readonly matchedBy: MatchedBy | null;
}

/** How Tripline found the payment of a report that did not name one; `earlier_version` means any other version. */
export type MatchedBy = "acquirer_reference" | "authorisation_code" | "amount" | "earlier_version" | "user";

export type UnmatchedState = "waiting" | "ambiguous" | "expired";

/** A report whose payment is not known. */
export interface UnmatchedReport extends ReportVersion {
  readonly state: UnmatchedState;
  /** Masked for users without the permission `personal:read`; empty if the report has none. */
  readonly card: string;
  readonly acquirerReference: string;
  readonly authorisationCode: string;
  readonly occurredAtMs: number;
  readonly reportedAtMs: number;
  readonly file: string;
}

export interface UnmatchedPage {
  readonly reports: readonly UnmatchedReport[];
  /** The value of `after` for the next page; null on the last page. */
  readonly next: string | null;
}

/** Whether a field of a report agrees with the payment's; `unknown` if one of them is missing. */
export type Agreement = "same" | "differs" | "unknown";

/** A payment that an unmatched report may be about. */
export interface CandidatePayment {
  readonly transactionId: string;
  readonly clientTransactionId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly terminalId: string;
  readonly acquirerReference: string;
  readonly authorisationCode: string;
  readonly agreement: {
    readonly card: Agreement;
    readonly acquirerReference: Agreement;
    readonly authorisationCode: Agreement;
    readonly amount: Agreement;
    /** The day in UTC, because files often contain only the day of a payment. */
    readonly day: Agreement;
  };
}

/** Reports with the same file, kind and currency, compared with their payments. */
export interface ReconciliationLine {
  /** Empty for reports that were not imported from a file. */
  readonly file: string;
  readonly kind: ReportKind | "unknown";
  readonly currency: string;
  readonly reports: number;
  readonly matched: number;
  readonly unmatched: number;
  /** Reports about a payment that has an earlier report of the same kind. */
  readonly duplicates: number;
  readonly amountDiffers: number;
  /** Sum of the reported amounts. */
  readonly amountMinor: number;
}

export interface Reconciliation {
  readonly lines: readonly ReconciliationLine[];
}
