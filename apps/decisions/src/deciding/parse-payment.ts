import type { Context } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { CARD_TOKEN_PATTERN, TRANSACTION_ID_PATTERN } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { PaymentFeatures } from "@tripline/decision-engine/decide-payment";
import type { IncomingRecord } from "@tripline/kafka/port";
import { contextFromHeaders } from "@tripline/telemetry/tracing";

/** A payment to be decided, as it arrived on the `features` topic. */
export interface Payment {
  /** Offset of its record. */
  readonly offset: number;
  readonly transaction: Transaction;
  readonly features: PaymentFeatures;
  /** Sealed; empty if they were lost, absent if none were sent. */
  readonly attributes: string | undefined;
  /** Kafka key of the record, which is also the key of the decision. */
  readonly key: string;
  readonly trace: Context;
  /** Milliseconds since the epoch after which the caller no longer waits; absent if no caller waits. */
  readonly deadlineMs: number | undefined;
  /** Redis channel on which the caller waits. */
  readonly replyTo: string | undefined;
}

/**
 * Reads one record.
 *
 * @throws TriplineError `message-unreadable` for a record that can never be decided
 */
export function parsePayment(record: IncomingRecord): Payment {
  const schema = record.headers[HEADERS.schema];
  if (schema !== undefined && schema !== TOPICS.features.schema) {
    throw unreadable(record, `it is a ${schema}, not a ${TOPICS.features.schema}`);
  }
  const vector = decode(record);
  const { transaction } = vector;
  if (transaction === undefined) throw unreadable(record, "it has no transaction");
  if (!TRANSACTION_ID_PATTERN.test(transaction.transactionId)) throw unreadable(record, "it has no transaction id");
  if (!CARD_TOKEN_PATTERN.test(transaction.cardToken)) throw unreadable(record, "it has no card token");
  if (transaction.tenant === "") throw unreadable(record, "it has no tenant");
  const deadlineMs = Number(record.headers[HEADERS.deadline] ?? Number.NaN);
  return {
    offset: record.offset,
    transaction,
    features: { specVersion: vector.specVersion, values: vector.values, incomplete: vector.incomplete },
    attributes: transaction.hasAttributes === true ? (record.headers[HEADERS.attributes] ?? "") : undefined,
    key: record.key,
    trace: contextFromHeaders(record.headers),
    deadlineMs: Number.isFinite(deadlineMs) ? deadlineMs : undefined,
    replyTo: record.headers[HEADERS.replyTo],
  };
}

function decode(record: IncomingRecord): FeatureVector {
  try {
    return FeatureVector.decode(record.value);
  } catch (error) {
    throw unreadable(record, "it is not a valid protobuf message", error);
  }
}

function unreadable(record: IncomingRecord, why: string, cause?: unknown): TriplineError {
  const place = `${record.topic}, partition ${record.partition}, offset ${record.offset}`;
  return new TriplineError("message-unreadable", `The record at ${place} cannot be read: ${why}.`, [], { cause });
}
