import type { Context } from "@opentelemetry/api";
import { wasCurrency } from "@tripline/contracts/currency";
import { TriplineError } from "@tripline/contracts/error-table";
import { EVENT_TIME_MS_MIN } from "@tripline/contracts/event-time";
import { ENTITY_KEY_PATTERNS } from "@tripline/contracts/generated/payment-fields";
import { Label, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { CARD_TOKEN_PATTERN, TRANSACTION_ID_PATTERN } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { EntityIds, FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { IncomingRecord } from "@tripline/kafka/port";
import { contextFromHeaders } from "@tripline/telemetry/tracing";

interface EventBase {
  readonly offset: number;
  /** The payment or label as it came. */
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly trace: Context;
  /** Redis keys of the states that this event changes, in the order of the spec's entities; undefined for absent ones. */
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

/** A record of the topics `transactions` or `labels`. */
export type EventRecord = PaymentRecord | LabelRecord;

/**
 * Reads one record.
 *
 * @throws TriplineError `message-unreadable` for a record that can never be counted
 */
export function parseEvent(engine: FeatureEngine, record: IncomingRecord): EventRecord {
  return record.topic === TOPICS.labels.name ? parseLabel(engine, record) : parseTransaction(engine, record);
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
  return { kind: "payment", transaction, ...commonParts(engine, record, transaction) };
}

function isDegrees(value: number | undefined, max: number): boolean {
  return value === undefined || (value >= -max && value <= max);
}

function parseLabel(engine: FeatureEngine, record: IncomingRecord): LabelRecord {
  requireSchema(record, TOPICS.labels.schema);
  const label = decoded(record, Label);
  if (label.labelId === "") throw unreadable(record, "it has no label id");
  if (label.labelledAtMs < EVENT_TIME_MS_MIN) throw unreadable(record, "it has no event time");
  return { kind: "label", label, ...commonParts(engine, record, label) };
}

function commonParts(
  engine: FeatureEngine,
  record: IncomingRecord,
  event: EntityIds & Pick<Label, "tenant">,
): EventBase {
  const { tenant, cardToken, terminalId } = event;
  if (tenant === "") throw unreadable(record, "it has no tenant");
  if (!CARD_TOKEN_PATTERN.test(cardToken)) throw unreadable(record, "it has no card token");
  if (terminalId === "") throw unreadable(record, "it has no terminal");
  return {
    offset: record.offset,
    bytes: record.value,
    headers: record.headers,
    trace: contextFromHeaders(record.headers),
    stateKeys: engine.stateKeys(tenant, event),
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
    throw unreadable(record, "its bytes are not protobuf of that message", error);
  }
}

function unreadable(record: IncomingRecord, why: string, cause?: unknown): TriplineError {
  const place = `${record.topic}, partition ${record.partition}, offset ${record.offset}`;
  return new TriplineError("message-unreadable", `The record at ${place} cannot be read: ${why}.`, [], { cause });
}
