import { randomInt, randomUUID } from "node:crypto";
import { withLuhnDigit } from "@tripline/contracts/identifiers";
import type { KnownPayment } from "@tripline/system/client/payment";

/** A payment a minute ago with its own card, device and address; override what the test needs. */
export function buildPayment(changes: Partial<KnownPayment> = {}): KnownPayment {
  return {
    clientTransactionId: `test-${randomUUID()}`,
    cardNumber: randomCardNumber(),
    terminalId: `t-${randomUUID().slice(0, 8)}`,
    amountMinor: 1_999,
    currency: "EUR",
    occurredAtMs: Date.now() - 60_000,
    deviceId: randomUUID(),
    ipAddress: randomAddress(),
    latitude: 50.84673,
    longitude: 4.35247,
    fraud: false,
    labelledAtMs: null,
    ...changes,
  };
}

export function randomCardNumber(): string {
  const digits = String(Math.floor(Math.random() * 1e9)).padStart(9, "0");
  return withLuhnDigit(`400000${digits}`);
}

/**
 * An IPv6 address from the range reserved for documentation (RFC 3849). Its last six groups are the same in every
 * notation. The second group has a leading zero, so this address differs from the canonical form used for tokens.
 */
export function randomAddress(): string {
  const group = (): string => randomInt(0x1000, 0x10000).toString(16);
  return `2001:0db8:${Array.from({ length: 6 }, group).join(":")}`;
}
