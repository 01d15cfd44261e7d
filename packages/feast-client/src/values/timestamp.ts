import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FeastError } from "../feast-error.js";

/** Feast treats an event at time 0 as one without a time, and Python supports years up to 9999. */
const MS_MIN = 1;
const MS_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Converts a serialised `google.protobuf.Timestamp` to epoch milliseconds, with microseconds as a fraction. Finer
 * resolution is dropped.
 *
 * @throws Error that describes the fault in the bytes
 */
export function readTimestampMs(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  let seconds = 0;
  let nanos = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.Varint) seconds = Number(reader.int64());
    else if (field === 2 && wireType === WireType.Varint) nanos = reader.int32();
    else throw new Error(`contains field ${field} in a timestamp`);
  }
  return seconds * 1_000 + Math.trunc(nanos / 1_000) / 1_000;
}

/**
 * Encodes epoch milliseconds as a `google.protobuf.Timestamp`, to the microsecond.
 *
 * @throws FeastError `invalid-value`
 */
export function encodeTimestamp(ms: number, field: string): Uint8Array {
  if (!(ms >= MS_MIN && ms <= MS_MAX)) {
    const message = `${field} is ${ms}; it must be epoch milliseconds between the years 1970 and 9999.`;
    throw new FeastError("invalid-value", message, field);
  }
  const micros = Math.round(ms * 1_000);
  const seconds = Math.floor(micros / 1_000_000);
  const nanos = (micros - seconds * 1_000_000) * 1_000;
  const writer = new BinaryWriter();
  if (seconds !== 0) writer.tag(1, WireType.Varint).int64(seconds);
  if (nanos !== 0) writer.tag(2, WireType.Varint).int32(nanos);
  return writer.finish();
}
