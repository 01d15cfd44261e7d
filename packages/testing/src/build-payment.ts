import { randomUUID } from "node:crypto";
import type { KnownPayment } from "@tripline/cli/payment";
import { withLuhnDigit } from "@tripline/contracts/identifiers";

/** A payment of a card of its own, a minute ago; change what the test is about. */
export function buildPayment(changes: Partial<KnownPayment> = {}): KnownPayment {
  return {
    clientTransactionId: `test-${randomUUID()}`,
    cardNumber: randomCardNumber(),
    terminalId: `t-${randomUUID().slice(0, 8)}`,
    amountMinor: 1_999,
    currency: "EUR",
    occurredAtMs: Date.now() - 60_000,
    fraud: false,
    labelledAtMs: null,
    ...changes,
  };
}

export function randomCardNumber(): string {
  const digits = String(Math.floor(Math.random() * 1e9)).padStart(9, "0");
  return withLuhnDigit(`400000${digits}`);
}
