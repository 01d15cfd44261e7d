import { Command } from "ioredis";
import { encodeTimestamp } from "../values/timestamp.js";
import type { JoinKeyType } from "../values/value-types.js";
import { EntityKeyEncoder } from "./entity-key.js";
import { timestampField } from "./hash-field.js";

export interface RowEraseOptions {
  readonly project: string;
  /** The only join key of the views. */
  readonly joinKey: { readonly name: string; readonly type: JoinKeyType };
}

/** The name under which Feast stores a view, and the time until which its rows are blocked, in epoch milliseconds. */
export interface ErasedView {
  readonly featureView: string;
  readonly untilMs: number;
}

/**
 * KEYS: the hash. ARGV: 1 to create a missing hash, then the fields and values to keep. Returns 1, or 0 if the hash did
 * not exist.
 */
const ERASE = `
local there = redis.call('DEL', KEYS[1])
if there == 1 or ARGV[1] == '1' then redis.call('HSET', KEYS[1], unpack(ARGV, 2)) end
return there
`;

/**
 * Deletes the rows of an entity, for all its views, from Redis, and prevents a later `materialize` from restoring the
 * same history. Feast writes only rows that are newer than the stored timestamp of their view, so timestamps are kept,
 * but without values.
 */
export class RowErase {
  private readonly key: EntityKeyEncoder;

  constructor(private readonly options: RowEraseOptions) {
    const { project, joinKey } = options;
    this.key = new EntityKeyEncoder([{ ...joinKey, storedName: joinKey.name }], project);
  }

  /** The entity whose rows are stored under a Redis key, if the join key is a string; undefined for any other key. */
  idOf(key: Buffer): string | undefined {
    return this.key.decodeText(key);
  }

  /**
   * A command for one entity, to be sent only once. The reply is 1, or 0 if there was no row.
   *
   * @param isKeptAway whether to block later rows even if there is no row yet
   * @throws FeastError `invalid-join-key`, `invalid-value`
   */
  command(id: string | number | bigint, views: readonly ErasedView[], isKeptAway: boolean): Command {
    const stays = views.flatMap(({ featureView, untilMs }) => [
      timestampField(featureView),
      Buffer.from(encodeTimestamp(untilMs, `untilMs of ${featureView}`)),
    ]);
    const key = this.key.encode({ [this.options.joinKey.name]: id }, 0);
    return new Command("eval", [ERASE, "1", key, isKeptAway ? "1" : "0", ...stays]);
  }
}
