import type { SentFields } from "../generated/sent-fields.js";

/** A payment from the demo or a replay, with its label, which only the sender knows. */
export interface KnownPayment extends SentFields {
  readonly clientTransactionId: string;
  readonly cardNumber: string;
  /** Senders that know only tokens send this token and `bin` instead of the number. */
  readonly cardToken?: string;
  readonly bin?: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly fraud: boolean;
  /** When the label is reported; null if it is never reported. */
  readonly labelledAtMs: number | null;
}
