import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FeastError, messageOf } from "../feast-error.js";
import type { OnlineFeaturesRequest } from "../online-features.js";
import type { AnswerColumn } from "../read-server-answer.js";
import type { EntityColumn } from "../registry/entity-columns.js";
import { decodeValue } from "../values/decode-value.js";
import { encodeValue } from "../values/encode-value.js";
import { readTimestampMs } from "../values/timestamp.js";

// Field numbers: https://github.com/feast-dev/feast/blob/v0.66.0/protos/feast/serving/ServingService.proto. Values use
// the same messages and the same code as in Redis; this file handles only the enclosing messages.

/** `FieldStatus` by number. Servers that send no status send INVALID. */
const STATUSES = ["INVALID", "PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"];

/** `feast.serving.GetOnlineFeaturesRequest`. */
export function encodeRequest(request: OnlineFeaturesRequest, columns: readonly EntityColumn[]): Buffer {
  const writer = new BinaryWriter();
  if (request.featureService === undefined) {
    writer.tag(2, WireType.LengthDelimited).fork();
    for (const reference of request.features) writer.tag(1, WireType.LengthDelimited).string(reference);
    writer.join();
  } else {
    writer.tag(1, WireType.LengthDelimited).string(request.featureService);
  }
  for (const { name, type, values } of columns) {
    writer.tag(3, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(name);
    writer.tag(2, WireType.LengthDelimited).fork();
    for (const value of values) writer.tag(1, WireType.LengthDelimited).bytes(encodeValue(type, value, name));
    writer.join().join();
  }
  if (request.fullFeatureNames === true) writer.tag(4, WireType.Varint).bool(true);
  return Buffer.from(writer.finish());
}

/**
 * The columns of a `feast.serving.GetOnlineFeaturesResponse`.
 *
 * @throws FeastError `malformed-response`
 */
export function decodeResponse(bytes: Uint8Array): AnswerColumn[] {
  const names: string[] = [];
  const vectors: Uint8Array[] = [];
  readMessage(bytes, "the message", {
    1: (metadata) => readMessage(metadata, "metadata", { 1: (list) => readNames(list, names) }),
    2: (vector) => void vectors.push(vector),
  });
  if (names.length !== vectors.length) {
    throw malformed("results", `has ${vectors.length} columns for ${names.length} names`);
  }
  return names.map((name, index) => readColumn(name, vectors[index] as Uint8Array));
}

function readNames(list: Uint8Array, names: string[]): void {
  readMessage(list, "feature_names", { 1: (name) => void names.push(Buffer.from(name).toString("utf8")) });
}

function readColumn(name: string, vector: Uint8Array): AnswerColumn {
  const values: Uint8Array[] = [];
  const statuses: number[] = [];
  const times: Uint8Array[] = [];
  readMessage(vector, name, {
    1: (value) => void values.push(value),
    2: (packed) => readEnums(packed, name, statuses),
    3: (time) => void times.push(time),
  });
  if (statuses.length !== values.length || (times.length > 0 && times.length !== values.length)) {
    throw malformed(name, `has ${values.length} values, ${statuses.length} statuses and ${times.length} timestamps`);
  }
  return {
    name,
    length: values.length,
    value: (row) => guard(name, () => decodeValue(asBuffer(values[row] as Uint8Array))),
    status: (row) => STATUSES[statuses[row] ?? 0],
    timestampMs: (row) => (times.length === 0 ? null : guard(name, () => readTimestampMs(times[row] as Uint8Array))),
  };
}

/** Calls a handler with the number and the bytes of each length-delimited field; skips all other fields. */
function readMessage(
  bytes: Uint8Array,
  field: string,
  handlers: Readonly<Record<number, (content: Uint8Array) => void>>,
): void {
  guard(field, () => {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      const handle = handlers[number];
      if (handle !== undefined && wireType === WireType.LengthDelimited) handle(reader.bytes());
      else reader.skip(wireType, number);
    }
  });
}

function readEnums(packed: Uint8Array, field: string, into: number[]): void {
  guard(field, () => {
    const reader = new BinaryReader(packed);
    while (reader.pos < reader.len) into.push(reader.int32());
  });
}

function guard<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof FeastError) throw error;
    throw malformed(field, messageOf(error), error);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(field: string, what: string, cause?: unknown): FeastError {
  const message = `The feature server's response is not a valid Feast response: ${field}: ${what}.`;
  return new FeastError("malformed-response", message, field, { cause });
}
