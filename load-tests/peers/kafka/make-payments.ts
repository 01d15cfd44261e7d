import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";

/** A record with the size and headers of a real payment. */
export interface BenchRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

const CARDS = 1_000;
const AT_MS = Date.UTC(2026, 0, 1);

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");

export function makePayment(index: number): BenchRecord {
  const card = (index * 7_919) % CARDS;
  const key = `ct_${hex(card, 32)}`;
  const value = Transaction.encode({
    transactionId: `txn_${hex(index, 32)}`,
    tenant: "demo",
    clientTransactionId: `order-${index}`,
    cardToken: key,
    ...UNSENT,
    terminalId: `t-${index % 500}`,
    amountMinor: 100 + (index % 20_000),
    currency: "EUR",
    occurredAtMs: AT_MS + index,
    acceptedAtMs: AT_MS + index,
    deviceToken: `dt_${hex(card, 32)}`,
    ipToken: `it_${hex(card % 250, 32)}`,
    latitude: 48 + (card % 70) / 10,
    longitude: 8 + (card % 50) / 10,
  }).finish();
  const headers = {
    traceparent: `00-${hex(index, 32)}-${hex(index, 16)}-00`,
    [HEADERS.schema]: TOPICS.transactions.schema,
    [HEADERS.tenant]: "demo",
    [HEADERS.deadline]: String(AT_MS + index + 2_000),
  };
  return { key, value, headers };
}
