import type { Context } from "@opentelemetry/api";
import { wasCurrency } from "@tripline/contracts/currency";
import { TriplineError } from "@tripline/contracts/error-table";
import { EVENT_TIME_MS_MIN } from "@tripline/contracts/event-time";
import { ENTITY_KEY_PATTERNS } from "@tripline/contracts/generated/payment-fields";
import { Label, PaymentUpdate, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { CARD_TOKEN_PATTERN, TRANSACTION_ID_PATTERN } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { namedByUpdate } from "@tripline/feature-engine/apply/counted-event";
import type { IncomingRecord } from "@tripline/kafka/port";
import { contextFromHeaders } from "@tripline/telemetry/tracing";

interface EventBase {
  readonly offset: number;
  /** The payment, label or payment update as received. */
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly trace: Context;
  /**
   * Redis keys of the states that this event changes, in the order of the spec's entities; undefined for absent ones.
   * For a payment update, contains only the key of its card, whose state names the other keys.
   */
  readonly stateKeys: readonly (string | undefined)[];
}

export interface PaymentRecord extends EventBase {
  readonly kind: "payment";
  readonly transaction: Transaction;
}

export interface LabelRecord extends EventBase {
  readonly kind: "label";
  readonly label: Label;
}

export interface UpdateRecord extends EventBase {
  readonly kind: "update";
  readonly update: PaymentUpdate;
}

/** A record of the topics `transactions`, `labels` or `payment-updates`. */
export type EventRecord = PaymentRecord | LabelRecord | UpdateRecord;

/**
 * Reads one record.
 *
 * @throws TriplineError `message-unreadable` for a record that can never be counted
 */
export function parseEvent(engine: FeatureEngine, record: IncomingRecord): EventRecord {
  switch (record.topic) {
    case TOPICS.labels.name:
      return parseLabel(engine, record);
    case TOPICS.paymentUpdates.name:
      return parseUpdate(engine, record);
    default:
      return parseTransaction(engine, record);
  }
}

function parseTransaction(engine: FeatureEngine, record: IncomingRecord): PaymentRecord {
  requireSchema(record, TOPICS.transactions.schema);
  const transaction = decoded(record, Transaction);
  const { transactionId, currency, amountMinor, occurredAtMs, latitude, longitude } = transaction;
  if (!TRANSACTION_ID_PATTERN.test(transactionId)) throw unreadable(record, "it has no transaction id");
  if (!wasCurrency(currency)) throw unreadable(record, "its currency is unknown");
  if (amountMinor < 0) throw unreadable(record, "its amount is negative");
  if (occurredAtMs < EVENT_TIME_MS_MIN) throw unreadable(record, "it has no event time");
  for (const [field, name, pattern] of ENTITY_KEY_PATTERNS) {
    const value = transaction[field];
    if (value !== "" && !pattern.test(value)) throw unreadable(record, `${name} is malformed`);
  }
  if (!isDegrees(latitude, 90) || !isDegrees(longitude, 180))
    throw unreadable(record, "its latitude or longitude is out of range");
  return {
    kind: "payment",
    transaction,
    ...commonParts(record, transaction, engine.stateKeys(transaction.tenant, transaction)),
  };
}

function isDegrees(value: number | undefined, max: number): boolean {
  return value === undefined || (value >= -max && value <= max);
}

function parseLabel(engine: FeatureEngine, record: IncomingRecord): LabelRecord {
  requireSchema(record, TOPICS.labels.schema);
  const label = decoded(record, Label);
  if (label.labelId === "") throw unreadable(record, "it has no label id");
  if (label.labelledAtMs < EVENT_TIME_MS_MIN) throw unreadable(record, "it has no event time");
  return { kind: "label", label, ...commonParts(record, label, engine.stateKeys(label.tenant, label)) };
}

function parseUpdate(engine: FeatureEngine, record: IncomingRecord): UpdateRecord {
  requireSchema(record, TOPICS.paymentUpdates.schema);
  const update = decoded(record, PaymentUpdate);
  if (update.updateId === "") throw unreadable(record, "it has no update id");
  if (update.updatedAtMs < EVENT_TIME_MS_MIN) throw unreadable(record, "it has no event time");
  if (update.amountMinor !== undefined) {
    if (!wasCurrency(update.currency)) throw unreadable(record, "its currency is unknown");
    if (update.amountMinor < 0) throw unreadable(record, "its amount is negative");
  }
  const stateKeys = engine.stateKeys(update.tenant, namedByUpdate(update));
  return { kind: "update", update, ...commonParts(record, update, stateKeys) };
}

function commonParts(
  record: IncomingRecord,
  event: Pick<Label, "tenant" | "cardToken">,
  stateKeys: EventBase["stateKeys"],
): EventBase {
  const { tenant, cardToken } = event;
  if (tenant === "") throw unreadable(record, "it has no tenant");
  if (!CARD_TOKEN_PATTERN.test(cardToken)) throw unreadable(record, "it has no card token");
  return {
    offset: record.offset,
    bytes: record.value,
    headers: record.headers,
    trace: contextFromHeaders(record.headers),
    stateKeys,
  };
}

function requireSchema(record: IncomingRecord, expected: string): void {
  const schema = record.headers[HEADERS.schema];
  if (schema !== undefined && schema !== expected) throw unreadable(record, `it is a ${schema}, not a ${expected}`);
}

function decoded<T>(record: IncomingRecord, message: { decode(bytes: Uint8Array): T }): T {
  try {
    return message.decode(record.value);
  } catch (error) {
    throw unreadable(record, "it is not a valid protobuf message", error);
  }
}

function unreadable(record: IncomingRecord, why: string, cause?: unknown): TriplineError {
  const place = `${record.topic}, partition ${record.partition}, offset ${record.offset}`;
  return new TriplineError("message-unreadable", `The record at ${place} cannot be read: ${why}.`, [], { cause });
}
