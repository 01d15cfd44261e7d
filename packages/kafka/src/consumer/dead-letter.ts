import { createHash } from "node:crypto";
import type { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS, HEADERS, REFERENCE_HEADERS } from "@tripline/contracts/headers";
import type { FetchedRecord, RawRecord } from "../client/client-library.js";
import { UnreadBatch } from "./unread-batch.js";

const MESSAGE_LENGTH_MAX = 1_000;
/** Longer keys and headers are omitted from a dead letter by reference. */
const KEPT_BYTES_MAX = 1_000;
/** Headers that help users find the payment. */
const KEPT_HEADERS = [HEADERS.traceparent, HEADERS.schema, HEADERS.tenant];

/** The original key, value and headers, plus headers that describe the error. */
export function deadLetter(record: FetchedRecord, error: TriplineError, group: string): RawRecord {
  const { raw } = record;
  if (raw instanceof UnreadBatch) return letterByReference(record, error, group);
  const { key, value, headers } = raw;
  return { key, value, headers: [...headers, ...Object.entries(errorHeaders(record, error, group))] };
}

/**
 * A dead letter by reference, for a record that is unreadable or too large. It contains the record's position and data
 * that identifies the record.
 */
export function letterByReference(record: FetchedRecord, error: TriplineError, group: string): RawRecord {
  const { raw } = record;
  const headers = errorHeaders(record, error, group);
  if (raw instanceof UnreadBatch) {
    headers[DEAD_LETTER_HEADERS.offset] = String(raw.firstOffset);
    headers[REFERENCE_HEADERS.reference] = "batch";
    headers[REFERENCE_HEADERS.bytes] = String(raw.sizeBytes);
    headers[REFERENCE_HEADERS.sha256] = raw.sha256;
    headers[REFERENCE_HEADERS.records] = String(raw.count);
    headers[REFERENCE_HEADERS.lastOffset] = String(raw.lastOffset);
    return { key: null, value: null, headers: Object.entries(headers) };
  }
  for (const name of KEPT_HEADERS) {
    const text = record.headers[name];
    if (text !== undefined && Buffer.byteLength(text) <= KEPT_BYTES_MAX) headers[name] = text;
  }
  headers[REFERENCE_HEADERS.reference] = "record";
  headers[REFERENCE_HEADERS.bytes] = String(record.value.length);
  headers[REFERENCE_HEADERS.sha256] = createHash("sha256").update(record.value).digest("hex");
  const key = raw.key !== null && raw.key.length <= KEPT_BYTES_MAX ? raw.key : null;
  return { key, value: null, headers: Object.entries(headers) };
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
