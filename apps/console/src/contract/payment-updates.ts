/** What happened to a payment after it was accepted, as the console's backend answers it. */

export type UpdateKind =
  | "authorised"
  | "declined"
  | "three-ds-completed"
  | "three-ds-abandoned"
  | "captured"
  | "reversed"
  | "refunded";

/**
 * What is wrong with an update, compared with its payment and the earlier updates of it:
 *
 * - `other-card`: it names another card than the payment
 * - `other-currency`: its amount is in another currency than the payment
 * - `over-amount`: with it, more was captured, reversed or refunded than the payment's amount
 * - `contradicts`: the payment was authorised, captured or refunded after a decline, or declined after it was authorised
 */
export type UpdateFinding = "other-card" | "other-currency" | "over-amount" | "contradicts";

export interface PaymentUpdateRow {
  readonly id: string;
  readonly kind: UpdateKind;
  /** Null unless it was declined. */
  readonly declinedBy: "issuer" | "tripline" | null;
  /** The issuer's response code; empty if it was not sent. */
  readonly issuerCode: string;
  /** Null for kinds without an amount. */
  readonly amountMinor: number | null;
  readonly currency: string;
  readonly finding: UpdateFinding | null;
}
