import type { SentFields } from "../generated/sent-fields.js";

/** A payment from the demo or a replay, with its label, which only the sender knows. */
export interface KnownPayment extends SentFields {
  readonly clientTransactionId: string;
  readonly cardNumber: string;
  /** Sent instead of the number, with `bin`, by senders that know only tokens. */
  readonly cardToken?: string;
  readonly bin?: string;
  readonly terminalId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly fraud: boolean;
  /** When the label is reported; null if it never is. */
  readonly labelledAtMs: number | null;
}
