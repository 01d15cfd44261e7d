/** The events of a payment after it was accepted, in responses of the console's backend. */

export type UpdateKind =
  | "authorised"
  | "declined"
  | "three-ds-completed"
  | "three-ds-abandoned"
  | "captured"
  | "reversed"
  | "refunded";

/**
 * The reason why an update does not match its payment or the payment's earlier updates:
 *
 * - `other-card`: its card is not the payment's card
 * - `other-currency`: its currency is not the payment's currency
 * - `over-amount`: it brings the total captured, reversed or refunded above the payment's amount
 * - `contradicts`: the payment was authorised, captured or refunded after a decline, or declined after it was
 *   authorised
 */
export type UpdateFinding = "other-card" | "other-currency" | "over-amount" | "contradicts";

export interface PaymentUpdateRow {
  readonly id: string;
  readonly kind: UpdateKind;
  /** Who declined the payment; null unless `kind` is `declined`. */
  readonly declinedBy: "issuer" | "tripline" | null;
  /** The issuer's response code; empty if it was not sent. */
  readonly issuerCode: string;
  /** The update's amount; null for kinds without an amount. */
  readonly amountMinor: number | null;
  readonly currency: string;
  readonly finding: UpdateFinding | null;
}
