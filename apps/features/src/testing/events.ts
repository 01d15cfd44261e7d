import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import {
  DeclinedBy,
  Label,
  PaymentUpdate,
  PaymentUpdateKind,
  Transaction,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { labelId, paymentUpdateId, transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { IncomingRecord, OutgoingRecord } from "@tripline/kafka/port";

/* Events for the tests. */

export const TENANT = "demo";
export const START_MS = Date.UTC(2024, 1, 28);

export function cardOf(number: number): string {
  return `ct_${String(number).padStart(32, "0")}`;
}

export function payment(change: Partial<Transaction> & { readonly clientTransactionId: string }): Transaction {
  return {
    transactionId: transactionId(TENANT, change.clientTransactionId),
    tenant: TENANT,
    cardToken: cardOf(1),
    ...UNSENT,
    terminalId: "t-1",
    amountMinor: 1_250,
    currency: "EUR",
    occurredAtMs: START_MS,
    acceptedAtMs: START_MS + 5,
    latitude: undefined,
    longitude: undefined,
    ...change,
  };
}

export function label(change: Partial<Label> & { readonly clientTransactionId: string }): Label {
  return {
    labelId: labelId(TENANT, change.clientTransactionId),
    tenant: TENANT,
    cardToken: cardOf(1),
    terminalId: "t-1",
    occurredAtMs: START_MS,
    labelledAtMs: START_MS,
    fraud: true,
    source: "chargeback",
    reportId: "",
    policyVersion: "",
    ...change,
  };
}

/** A decline by the issuer, unless `change` overrides it. */
export function update(change: Partial<PaymentUpdate> & { readonly clientTransactionId: string }): PaymentUpdate {
  return {
    updateId: paymentUpdateId(TENANT, change.clientTransactionId, "u-1"),
    tenant: TENANT,
    transactionId: transactionId(TENANT, change.clientTransactionId),
    cardToken: cardOf(1),
    kind: PaymentUpdateKind.DECLINED,
    declinedBy: DeclinedBy.ISSUER,
    issuerCode: "51",
    amountMinor: undefined,
    currency: "",
    updatedAtMs: START_MS,
    acceptedAtMs: START_MS + 5,
    clientUpdateId: "u-1",
    ...change,
  };
}

export function paymentRecord(transaction: Transaction, headers: Record<string, string> = {}): OutgoingRecord {
  return {
    topic: TOPICS.transactions.name,
    key: transaction.cardToken,
    value: Transaction.encode(transaction).finish(),
    headers: { [HEADERS.schema]: TOPICS.transactions.schema, [HEADERS.tenant]: transaction.tenant, ...headers },
  };
}

export function labelRecord(event: Label, headers: Record<string, string> = {}): OutgoingRecord {
  return {
    topic: TOPICS.labels.name,
    key: event.cardToken,
    value: Label.encode(event).finish(),
    headers: { [HEADERS.schema]: TOPICS.labels.schema, [HEADERS.tenant]: event.tenant, ...headers },
  };
}

export function updateRecord(event: PaymentUpdate): OutgoingRecord {
  return {
    topic: TOPICS.paymentUpdates.name,
    key: event.cardToken,
    value: PaymentUpdate.encode(event).finish(),
    headers: { [HEADERS.schema]: TOPICS.paymentUpdates.schema, [HEADERS.tenant]: event.tenant },
  };
}

/** Payments of three cards at one terminal. */
export function paymentsOf(name: string, count: number): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) =>
    paymentRecord(
      payment({
        clientTransactionId: `${name}-${index}`,
        cardToken: cardOf(index % 3),
        occurredAtMs: START_MS + index * 60_000,
      }),
    ),
  );
}

/** The record as the consumer receives it from a partition. */
export function delivered(record: OutgoingRecord, offset: number, partition = 0): IncomingRecord {
  return { ...record, value: Buffer.from(record.value), partition, offset, timestampMs: START_MS };
}

/** Numbers from 0 to `bound` - 1, the same ones for each seed. */
export function randomNumbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
