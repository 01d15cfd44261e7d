import type { Command } from "ioredis";
import { FeastError, messageOf } from "../feast-error.js";
import { decodeValue } from "../values/decode-value.js";
import { readTimestampMs } from "../values/timestamp.js";
import type { JoinKeyType } from "../values/value-types.js";
import { EntityKeyEncoder } from "./entity-key.js";
import { featureField, timestampField } from "./hash-field.js";
import { HashRead } from "./hash-read.js";

export interface RowReadOptions {
  readonly project: string;
  /** The view under the name with which Feast stores it: with the version where versions are kept online. */
  readonly featureView: string;
  /** Its only join key. */
  readonly joinKey: { readonly name: string; readonly type: JoinKeyType };
  /** Features of numbers. */
  readonly features: readonly string[];
}

/** A row of a view whose features are numbers. */
export interface NumberRow {
  readonly eventTimestampMs: number;
  /** In the order of the features; NaN for null. */
  readonly values: Float64Array;
}

/**
 * Reads rows of one feature view in a pipeline of the caller's own, beside other commands and without a round trip more. How long a
 * call may take, and what an error of Redis means, is the caller's affair.
 */
export class RowRead {
  private readonly key: EntityKeyEncoder;
  private readonly read: HashRead;

  constructor(private readonly options: RowReadOptions) {
    const { project, featureView, joinKey, features } = options;
    this.key = new EntityKeyEncoder([{ ...joinKey, storedName: joinKey.name }], project);
    this.read = new HashRead([timestampField(featureView), ...features.map((name) => featureField(featureView, name))]);
  }

  /**
   * A command for one entity, to be sent once.
   *
   * @throws FeastError `invalid-join-key`
   */
  command(id: string | number | bigint): Command {
    return this.read.command(this.key.encode({ [this.options.joinKey.name]: id }, 0));
  }

  /**
   * What the command was answered; undefined where the store has no row of the entity.
   *
   * @throws FeastError `malformed-response` for a value that is not a number, or bytes that are not Feast's
   */
  row(reply: unknown): NumberRow | undefined {
    const { features } = this.options;
    if (!Array.isArray(reply) || reply.length !== features.length + 1) {
      throw this.malformed("was read with HMGET, and Redis answered no list of its fields", undefined);
    }
    const stored = reply as readonly (Buffer | null)[];
    const [timestamp] = stored;
    if (timestamp === null || timestamp === undefined) return undefined;
    const values = new Float64Array(features.length);
    for (let index = 0; index < features.length; index += 1) {
      const bytes = stored[index + 1];
      values[index] = bytes === null || bytes === undefined ? Number.NaN : this.number(bytes, index);
    }
    return { eventTimestampMs: this.timestamp(timestamp), values };
  }

  private timestamp(bytes: Buffer): number {
    try {
      return readTimestampMs(bytes);
    } catch (error) {
      throw this.malformed(`has a stored event timestamp that cannot be read: it ${messageOf(error)}`, error);
    }
  }

  private number(bytes: Buffer, index: number): number {
    const { featureView, features } = this.options;
    let value: unknown;
    try {
      value = decodeValue(bytes);
    } catch (error) {
      throw this.malformed(`:${features[index]} has a stored value that cannot be read: it ${messageOf(error)}`, error);
    }
    if (value === null) return Number.NaN;
    if (typeof value === "number") return value;
    const reference = `${featureView}:${features[index]}`;
    const type = typeof value === "object" ? "value of several parts" : typeof value;
    throw new FeastError("malformed-response", `${reference} holds a ${type} and has to hold a number.`, reference);
  }

  private malformed(what: string, cause: unknown): FeastError {
    const { featureView } = this.options;
    const space = what.startsWith(":") ? "" : " ";
    return new FeastError("malformed-response", `${featureView}${space}${what}.`, featureView, { cause });
  }
}
