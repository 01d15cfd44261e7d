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

/** A view, under the name with which Feast stores it, and until when its rows are kept away: epoch milliseconds. */
export interface ErasedView {
  readonly featureView: string;
  readonly untilMs: number;
}

/** KEYS: the hash. ARGV: 1 where one is made if there is none, then fields and values of what stays: 1, or 0 without a hash. */
const ERASE = `
local there = redis.call('DEL', KEYS[1])
if there == 1 or ARGV[1] == '1' then redis.call('HSET', KEYS[1], unpack(ARGV, 2)) end
return there
`;

/**
 * Takes the rows of an entity out of Redis, those of all its views, and keeps away what a later `materialize` brings of the same
 * past: Feast writes no row that is not newer than the stored timestamp of its view, so timestamps stay, without values.
 */
export class RowErase {
  private readonly key: EntityKeyEncoder;

  constructor(private readonly options: RowEraseOptions) {
    const { project, joinKey } = options;
    this.key = new EntityKeyEncoder([{ ...joinKey, storedName: joinKey.name }], project);
  }

  /** The entity whose rows are stored under a key of Redis, where the join key is a string; undefined for another key. */
  idOf(key: Buffer): string | undefined {
    return this.key.decodeText(key);
  }

  /**
   * A command for one entity, to be sent once. It is answered by 1, or by 0 where no row was there.
   *
   * @param isKeptAway also where no row is there yet
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
