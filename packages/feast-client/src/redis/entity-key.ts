import type { EntityRow, JoinKeyValue } from "../online-features.js";
import { checkJoinKey, missingJoinKey } from "../registry/entity-columns.js";
import type { ResolvedJoinKey } from "../registry/resolve-features.js";
import type { JoinKeyType } from "../values/value-types.js";
import { VALUE_TYPE_NUMBERS } from "../values/value-types.js";

/** The join key of a view without entities; its value is the empty string. */
const DUMMY_JOIN_KEY = "__dummy_id";

/**
 * Creates the Redis keys for one set of join keys in one project: Feast's entity key in serialisation version 3, then
 * the project. All numbers are 32 bits, little-endian.
 *
 * ```text
 * count of join keys
 * per join key, by name:   2 (STRING) | length | name
 * per join key, by name:   type       | length | value
 * project
 * ```
 *
 * Source: https://github.com/feast-dev/feast/blob/v0.66.0/sdk/python/feast/infra/key_encoding_utils.py
 */
export class EntityKeyEncoder {
  private readonly joinKeys: readonly ResolvedJoinKey[];
  private readonly head: Buffer;
  private readonly project: Buffer;
  private readonly dummy: Buffer | undefined;

  constructor(joinKeys: readonly ResolvedJoinKey[], project: string) {
    // Python sorts by code points, which is the order of UTF-8 bytes; JavaScript would sort by UTF-16 units.
    this.joinKeys = [...joinKeys].sort((one, other) =>
      Buffer.compare(Buffer.from(one.storedName), Buffer.from(other.storedName)),
    );
    this.project = Buffer.from(project, "utf8");
    const names = joinKeys.length === 0 ? [DUMMY_JOIN_KEY] : this.joinKeys.map(({ storedName }) => storedName);
    this.head = Buffer.concat([
      uint32(names.length),
      ...names.map((name) => lengthPrefixed(VALUE_TYPE_NUMBERS.STRING, Buffer.from(name, "utf8"))),
    ]);
    this.dummy =
      joinKeys.length === 0
        ? Buffer.concat([this.head, lengthPrefixed(VALUE_TYPE_NUMBERS.STRING, Buffer.alloc(0)), this.project])
        : undefined;
  }

  /**
   * @param rowIndex index of the row in the request, for error messages
   * @throws FeastError `missing-join-key`, `invalid-join-key`
   */
  encode(row: EntityRow, rowIndex: number): Buffer {
    if (this.dummy !== undefined) return this.dummy;
    let length = this.head.length + this.project.length;
    const values = this.joinKeys.map(({ name, type }) => {
      const value = row[name];
      if (value === undefined) throw missingJoinKey(name, rowIndex);
      checkJoinKey(type, value, name);
      const bytes = joinKeyBytes(type, value);
      length += 8 + bytes.length;
      return bytes;
    });
    // Uses a single buffer, because allocations are a significant part of the CPU time of a small read.
    const key = Buffer.allocUnsafe(length);
    let at = this.head.copy(key);
    for (const [index, value] of values.entries()) {
      at = key.writeUInt32LE(VALUE_TYPE_NUMBERS[this.joinKeys[index]?.type ?? "STRING"], at);
      at = key.writeUInt32LE(value.length, at);
      key.set(value, at);
      at += value.length;
    }
    this.project.copy(key, at);
    return key;
  }

  /** The value of the only join key in a key that `encode` created; undefined for any other key. */
  decodeText(key: Buffer): string | undefined {
    const from = this.head.length + 8;
    const to = key.length - this.project.length;
    if (to < from || !key.subarray(0, this.head.length).equals(this.head) || !key.subarray(to).equals(this.project)) {
      return undefined;
    }
    const isText = key.readUInt32LE(from - 8) === VALUE_TYPE_NUMBERS.STRING && key.readUInt32LE(from - 4) === to - from;
    return isText ? key.toString("utf8", from, to) : undefined;
  }
}

/** The value has already passed the check for its type. */
function joinKeyBytes(type: JoinKeyType, value: JoinKeyValue): Uint8Array {
  if (typeof value === "string") return Buffer.from(value, "utf8");
  if (value instanceof Uint8Array) return value;
  if (type === "INT32") {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32LE(Number(value));
    return bytes;
  }
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

function lengthPrefixed(type: number, content: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(8 + content.length);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(content.length, 4);
  bytes.set(content, 8);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
