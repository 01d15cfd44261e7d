import { TriplineError } from "@tripline/contracts/error-table";
import { HEADERS } from "@tripline/contracts/headers";
import type { IncomingRecord } from "@tripline/kafka/port";
import type { DecodedRow, LakeTable } from "@tripline/lake/lake-tables";

/** A record that is waiting to be written. */
export interface HeldRow {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly traceparent: string | null;
  /** Size of the record's value. */
  readonly bytes: number;
  readonly row: DecodedRow;
}

/**
 * Parses one record. Accepts any valid message with an event time, because the lake shows the contents of the topic,
 * not how services interpreted them.
 *
 * @throws TriplineError `message-unreadable`
 */
export function readRecord(table: LakeTable, record: IncomingRecord): HeldRow {
  const { schema } = table.topic;
  const found = record.headers[HEADERS.schema];
  if (found !== undefined && found !== schema) throw unreadable(record, `it is a ${found}, not a ${schema}`);
  return {
    partition: record.partition,
    offset: record.offset,
    timestampMs: record.timestampMs,
    traceparent: record.headers[HEADERS.traceparent] ?? null,
    bytes: record.value.length,
    row: decoded(table, record),
  };
}

function decoded(table: LakeTable, record: IncomingRecord): DecodedRow {
  try {
    return table.decode(record.value);
  } catch (cause) {
    throw unreadable(record, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function unreadable(record: IncomingRecord, why: string, cause?: unknown): TriplineError {
  const place = `${record.topic}, partition ${record.partition}, offset ${record.offset}`;
  return new TriplineError("message-unreadable", `The record at ${place} cannot be read: ${why}.`, [], { cause });
}
