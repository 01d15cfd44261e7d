import { Command } from "ioredis";
import { FeastError, messageOf } from "../feast-error.js";
import { decodeValue } from "../values/decode-value.js";
import { readTimestampMs } from "../values/timestamp.js";
import type { JoinKeyType } from "../values/value-types.js";
import { EntityKeyEncoder } from "./entity-key.js";
import { featureField, timestampField } from "./hash-field.js";

export interface RowReadOptions {
  readonly project: string;
  /** The view, by the name under which Feast stores it, which includes the version if versions are kept online. */
  readonly featureView: string;
  /** Its only join key. */
  readonly joinKey: { readonly name: string; readonly type: JoinKeyType };
  /** Numeric features. */
  readonly features: readonly string[];
}

/** A row of a view with numeric features. */
export interface NumberRow {
  readonly eventTimestampMs: number;
  /** In the order of the features; NaN for null. */
  readonly values: Float64Array;
}

/** Markers in the reply, in place of a value's length. */
const TOO_LONG = 253;
const ROW_ERROR = 254;
const MISSING = 255;
/** Far more than a number needs. */
const VALUE_BYTES_MAX = 250;

/**
 * Returns the fields ARGV of the hashes KEYS as one string: each value is preceded by a byte with its length, and a
 * marker replaces a row if Redis reports an error. Hundreds of HMGET commands would cost a service more than processing
 * the numbers, because ioredis creates a dozen objects for each command.
 */
const READ_ROWS = `
local out, n = {}, 0
for i = 1, #KEYS do
  local row = redis.pcall('HMGET', KEYS[i], unpack(ARGV))
  if row.err then
    n = n + 1
    out[n] = string.char(${ROW_ERROR}, math.min(#row.err, 255)) .. string.sub(row.err, 1, 255)
  else
    for j = 1, #ARGV do
      local value = row[j]
      n = n + 1
      if not value then out[n] = string.char(${MISSING})
      elseif #value > ${VALUE_BYTES_MAX} then out[n] = string.char(${TOO_LONG})
      else out[n] = string.char(#value) .. value end
    end
  end
end
return table.concat(out)
`;

/**
 * Reads rows of one feature view in the caller's own pipeline, together with other commands and without an extra round
 * trip. The caller handles timeouts and Redis errors. All keys must be on one shard.
 */
export class RowRead {
  private readonly key: EntityKeyEncoder;
  private readonly tail: Buffer;
  private readonly fieldCount: number;

  constructor(private readonly options: RowReadOptions) {
    const { project, featureView, joinKey, features } = options;
    this.key = new EntityKeyEncoder([{ ...joinKey, storedName: joinKey.name }], project);
    const fields = [timestampField(featureView), ...features.map((name) => featureField(featureView, name))];
    this.fieldCount = fields.length;
    this.tail = Buffer.concat(fields.flatMap((field) => [bulkHead(field.length), field, END]));
  }

  /**
   * A command for several entities, to be sent only once.
   *
   * @throws FeastError `invalid-join-key`
   */
  command(ids: readonly (string | number | bigint)[]): Command {
    const { name } = this.options.joinKey;
    const count = String(ids.length);
    const head = `*${3 + ids.length + this.fieldCount}\r\n$4\r\neval\r\n$${READ_ROWS.length}\r\n${READ_ROWS}\r\n$${count.length}\r\n${count}\r\n`;
    const parts: Uint8Array[] = [Buffer.from(head)];
    let [prefix, length]: [Uint8Array, number] = [END, -1];
    for (const [index, id] of ids.entries()) {
      const key = this.key.encode({ [name]: id }, index);
      if (key.length !== length) [prefix, length] = [bulkHead(key.length), key.length];
      parts.push(prefix, key, END);
    }
    parts.push(this.tail);
    return new RowsCommand(Buffer.concat(parts));
  }

  /**
   * The reply to the command, in the order of its entities: undefined if the store has no row, a FeastError if the
   * stored row is not numeric.
   *
   * @throws FeastError `malformed-response` for an unexpected reply; the error with which Redis rejected the command
   */
  rows(reply: unknown, count: number): (NumberRow | FeastError | undefined)[] {
    if (reply instanceof Error) throw reply;
    if (!Buffer.isBuffer(reply)) throw this.malformed("was read, but Redis returned no rows", undefined);
    const answer: Answer = { bytes: reply, at: 0 };
    const rows: (NumberRow | FeastError | undefined)[] = [];
    for (let index = 0; index < count; index += 1) rows.push(this.row(answer));
    if (answer.at !== reply.length) throw this.malformed("was read, but Redis returned different rows", undefined);
    return rows;
  }

  private row(answer: Answer): NumberRow | FeastError | undefined {
    const { bytes } = answer;
    if (bytes[answer.at] === ROW_ERROR) {
      const length = bytes[answer.at + 1] ?? 0;
      answer.at += 2 + length;
      return this.malformed(`cannot be read: ${bytes.toString("utf8", answer.at - length, answer.at)}`, undefined);
    }
    const timestamp = nextValue(answer);
    const values = new Float64Array(this.fieldCount - 1);
    let fault: unknown;
    for (let index = 0; index < values.length; index += 1) {
      const value = nextValue(answer);
      try {
        values[index] = value === undefined ? Number.NaN : this.number(value, index);
      } catch (error) {
        fault ??= error;
      }
    }
    if (timestamp === undefined) return undefined;
    try {
      if (fault !== undefined) throw fault;
      return { eventTimestampMs: this.timestamp(timestamp), values };
    } catch (error) {
      return error as FeastError;
    }
  }

  private timestamp(bytes: Buffer | typeof TOO_LONG): number {
    try {
      if (bytes === TOO_LONG) throw new Error("is too long");
      return readTimestampMs(bytes);
    } catch (error) {
      throw this.malformed(`has a stored event timestamp that cannot be read: it ${messageOf(error)}`, error);
    }
  }

  private number(bytes: Buffer | typeof TOO_LONG, index: number): number {
    const { featureView, features } = this.options;
    let value: unknown = "";
    try {
      if (bytes !== TOO_LONG) value = decodeValue(bytes);
    } catch (error) {
      throw this.malformed(`:${features[index]} has a stored value that cannot be read: it ${messageOf(error)}`, error);
    }
    if (value === null) return Number.NaN;
    if (typeof value === "number") return value;
    const reference = `${featureView}:${features[index]}`;
    const type = typeof value === "object" ? "value of several parts" : typeof value;
    throw new FeastError(
      "malformed-response",
      `${reference} contains a ${type}, but must contain a number.`,
      reference,
    );
  }

  private malformed(what: string, cause: unknown): FeastError {
    const { featureView } = this.options;
    const space = what.startsWith(":") ? "" : " ";
    return new FeastError("malformed-response", `${featureView}${space}${what}.`, featureView, { cause });
  }
}

/** The reply to a command, and the read position. */
interface Answer {
  readonly bytes: Buffer;
  at: number;
}

/** Undefined if the hash lacks the field. */
function nextValue(answer: Answer): Buffer | typeof TOO_LONG | undefined {
  const length = answer.bytes[answer.at] ?? MISSING;
  answer.at += 1;
  if (length === MISSING) return undefined;
  if (length === TOO_LONG) return TOO_LONG;
  const start = answer.at;
  answer.at += length;
  return answer.bytes.subarray(start, answer.at);
}

const END = Buffer.from("\r\n");

function bulkHead(length: number): Buffer {
  return Buffer.from(`$${length}\r\n`);
}

/** A pre-encoded command whose reply is returned as bytes. */
class RowsCommand extends Command {
  constructor(private readonly bytes: Buffer) {
    super("eval", [], { replyEncoding: null });
  }

  override toWritable(): Buffer {
    return this.bytes;
  }
}
