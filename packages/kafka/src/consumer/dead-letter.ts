import { createHash } from "node:crypto";
import type { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS, HEADERS, REFERENCE_HEADERS } from "@tripline/contracts/headers";
import type { KafkaMessage, Message } from "kafkajs";
import type { IncomingRecord } from "../port.js";
import { DecodedMessage } from "./fetch/decoded-message.js";
import { UnreadBatch } from "./fetch/unread-batch.js";

const MESSAGE_LENGTH_MAX = 1_000;
/** A key or header that is longer is left out of a dead letter by reference. */
const KEPT_BYTES_MAX = 1_000;
/** What helps to find the payment. */
const KEPT_HEADERS = [HEADERS.traceparent, HEADERS.schema, HEADERS.tenant];
const NO_BYTES = Buffer.alloc(0);

/** A record with its kafkajs message, so that a dead letter keeps the exact bytes. */
export interface FetchedRecord extends IncomingRecord {
  readonly raw: KafkaMessage;
}

/** The original key, value and headers, with what went wrong in further headers. */
export function deadLetter(record: FetchedRecord, error: TriplineError, group: string): Message {
  const { raw } = record;
  return { key: raw.key, value: raw.value, headers: { ...raw.headers, ...errorHeaders(record, error, group) } };
}

/** For a record that is too large for a dead letter, or unreadable: where it is, and how to recognise it. */
export function letterByReference(record: FetchedRecord, error: TriplineError, group: string): Message {
  const { raw } = record;
  const headers = errorHeaders(record, error, group);
  if (raw instanceof UnreadBatch) {
    headers[DEAD_LETTER_HEADERS.offset] = String(raw.firstOffset);
    headers[REFERENCE_HEADERS.reference] = "batch";
    headers[REFERENCE_HEADERS.bytes] = String(raw.sizeBytes);
    headers[REFERENCE_HEADERS.sha256] = raw.sha256;
    headers[REFERENCE_HEADERS.records] = String(raw.count);
    headers[REFERENCE_HEADERS.lastOffset] = raw.offset;
    return { value: null, headers };
  }
  for (const name of KEPT_HEADERS) {
    const text = record.headers[name];
    if (text !== undefined && Buffer.byteLength(text) <= KEPT_BYTES_MAX) headers[name] = text;
  }
  headers[REFERENCE_HEADERS.reference] = "record";
  headers[REFERENCE_HEADERS.bytes] = String(record.value.length);
  headers[REFERENCE_HEADERS.sha256] = createHash("sha256").update(record.value).digest("hex");
  return { key: raw.key !== null && raw.key.length <= KEPT_BYTES_MAX ? raw.key : null, value: null, headers };
}

function errorHeaders(record: FetchedRecord, error: TriplineError, group: string): Record<string, string> {
  return {
    [DEAD_LETTER_HEADERS.code]: error.code,
    [DEAD_LETTER_HEADERS.message]: error.message.slice(0, MESSAGE_LENGTH_MAX),
    [DEAD_LETTER_HEADERS.topic]: record.topic,
    [DEAD_LETTER_HEADERS.partition]: String(record.partition),
    [DEAD_LETTER_HEADERS.offset]: String(record.offset),
    [DEAD_LETTER_HEADERS.group]: group,
  };
}

export function asFetchedRecord(topic: string, partition: number, raw: KafkaMessage): FetchedRecord {
  if (raw instanceof DecodedMessage) {
    const { offset, timestampMs, keyText: key, value, headerTexts: headers } = raw.content;
    return { topic, partition, offset, key, value: value ?? NO_BYTES, headers, timestampMs, raw };
  }
  return {
    topic,
    partition,
    offset: Number(raw.offset),
    key: raw.key?.toString("utf8") ?? "",
    value: raw.value ?? NO_BYTES,
    headers: headersOf(raw),
    timestampMs: Number(raw.timestamp),
    raw,
  };
}

/** Values as UTF-8. If a name stands several times, the last value counts, as in Kafka's own clients. */
function headersOf({ headers = {} }: KafkaMessage): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, values] of Object.entries(headers)) {
    const value = Array.isArray(values) ? values.at(-1) : values;
    if (value !== undefined) texts[name] = value.toString("utf8");
  }
  return texts;
}
