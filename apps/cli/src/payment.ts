/** A payment that the demo or a replay sends, with the truth that only the sender knows. */
export interface KnownPayment {
  readonly clientTransactionId: string;
  readonly cardNumber: string;
  readonly terminalId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly fraud: boolean;
  /** When the truth becomes known; null when it never does. */
  readonly labelledAtMs: number | null;
}
