import { TriplineError } from "@tripline/contracts/error-table";
import { STATE_HEADER_BYTES } from "@tripline/feature-engine/state/state-codec";
import { asRedisError } from "@tripline/stores/redis/connect-redis";
import type { ChainableCommander, Redis } from "ioredis";
import { encodeApplied } from "../states/applied-batch.js";
import type { FlaggedStates } from "../states/complete-mark.js";
import { encodeMark } from "../states/complete-mark.js";
import type { RebuiltStates } from "./folded-lake.js";

export interface ReplaceStatesOptions {
  /** A connection of its own. */
  readonly redis: Redis;
  /** Keys of the applied batches of all partitions that features reads. */
  readonly appliedKeys: readonly string[];
  /** Key that exists while the states hold all that took place. */
  readonly completeKey: string;
  /** What the keys of states begin with. */
  readonly prefixes: readonly string[];
  readonly stateTtlSeconds: number;
  readonly onProgress: (states: number) => void;
}

/** Keys per pipeline; the replies of one are awaited before the next is sent. */
const KEYS_PER_PIPELINE = 500;

/**
 * Replaces the stored states. An instance that counts meanwhile changes the applied batch of a partition in the same step
 * as the states, which is noticed: then nothing is marked as complete. All methods throw TriplineError
 * `redis-unavailable`.
 */
export class StateReplacement {
  #isLost = false;
  #heads: readonly string[] = [];

  constructor(private readonly options: ReplaceStatesOptions) {
    // Keys that were watched on a lost connection are not watched on the next one.
    options.redis.once("close", () => {
      this.#isLost = true;
    });
  }

  /**
   * Notes how far the partitions are counted. What is counted after this is not in the states to come.
   *
   * @returns by key the first bytes of the applied batch; none where nothing is stored
   */
  async open(): Promise<ReadonlyMap<string, Buffer>> {
    this.#heads = await this.#readHeads();
    return new Map(this.options.appliedKeys.map((key, index) => [key, Buffer.from(this.#heads[index] ?? "", "hex")]));
  }

  /**
   * Until it is done there is no mark; it can be started again at any time.
   *
   * @param applied by key: the last record of a partition that is in the states; absent where there is none
   * @param flagged states that are not certain
   * @returns how many states were written
   * @throws TriplineError `state-conflict` if an instance counts at the same time
   */
  async replace(states: RebuiltStates, applied: ReadonlyMap<string, number>, flagged: FlaggedStates): Promise<number> {
    await this.#clearMark();
    await this.#removeStates();
    const written = await this.#writeStates(states);
    await this.#mark(applied, flagged);
    return written;
  }

  async #clearMark(): Promise<void> {
    const { redis, appliedKeys, completeKey } = this.options;
    await this.#ask(() => redis.watch(...appliedKeys));
    const heads = await this.#readHeads();
    if (heads.some((head, index) => head !== this.#heads[index])) throw countedMeanwhile();
    await this.#exec(redis.multi().del(completeKey, ...appliedKeys));
  }

  /** Also states that are not in the lake, of events whose features were never emitted: those are re-delivered. */
  async #removeStates(): Promise<void> {
    const { redis, prefixes } = this.options;
    const found = redis.scanStream({ match: "state:*", count: KEYS_PER_PIPELINE });
    await this.#ask(async () => {
      for await (const keys of found as AsyncIterable<string[]>) {
        const ours = keys.filter((key) => prefixes.some((prefix) => key.startsWith(prefix)));
        if (ours.length > 0) await redis.unlink(...ours);
      }
    });
  }

  async #writeStates(states: RebuiltStates): Promise<number> {
    const { redis, stateTtlSeconds, onProgress } = this.options;
    const nowMs = Date.now();
    let pipeline = redis.pipeline();
    let written = 0;
    for await (const [key, { value, touchedAtMs }] of states.entries()) {
      // It expires when it would have expired without the loss.
      const leftSeconds = Math.min(stateTtlSeconds, Math.ceil(stateTtlSeconds - (nowMs - touchedAtMs) / 1000));
      if (leftSeconds <= 0) continue;
      pipeline.set(key, Buffer.from(value.buffer, value.byteOffset, value.byteLength), "EX", leftSeconds);
      written += 1;
      if (pipeline.length < KEYS_PER_PIPELINE) continue;
      await this.#exec(pipeline);
      pipeline = redis.pipeline();
      onProgress(written);
    }
    await this.#exec(pipeline);
    onProgress(written);
    return written;
  }

  /**
   * The applied batches have nothing to emit. The records from the committed offset up to the last counted one were
   * emitted before: the lake has their results. So they are skipped as a batch that was counted and acknowledged, and the
   * first record after them counts.
   */
  async #mark(applied: ReadonlyMap<string, number>, flagged: FlaggedStates): Promise<void> {
    const { redis, appliedKeys, completeKey } = this.options;
    await this.#ask(() => redis.watch(...appliedKeys));
    if ((await this.#ask(() => redis.exists(...appliedKeys))) > 0) throw countedMeanwhile();
    const transaction = redis.multi();
    for (const [key, offset] of applied) transaction.set(key, Buffer.from(encodeApplied({ offset, emissions: [] })));
    await this.#exec(transaction.set(completeKey, encodeMark(flagged)));
  }

  /** The first bytes of the applied batches, which differ between any two of one partition. */
  async #readHeads(): Promise<string[]> {
    const pipeline = this.options.redis.pipeline();
    for (const key of this.options.appliedKeys) pipeline.getrangeBuffer(key, 0, STATE_HEADER_BYTES - 1);
    const replies = await this.#exec(pipeline);
    return replies.map((reply) => (Buffer.isBuffer(reply) ? reply.toString("hex") : ""));
  }

  async #exec(commands: ChainableCommander): Promise<unknown[]> {
    const replies = await this.#ask(() => commands.exec());
    if (replies === null) throw countedMeanwhile();
    return replies.map(([error, reply]) => {
      if (error !== null) throw asRedisError(error);
      return reply;
    });
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isLost) throw new TriplineError("redis-unavailable", "The connection to Redis was lost; run it again.");
    try {
      return await work();
    } catch (error) {
      throw asRedisError(error);
    }
  }
}

export function countedMeanwhile(): TriplineError {
  return new TriplineError(
    "state-conflict",
    "The features service has counted events in the meantime. Run this again; if that does not help, stop all of its instances first.",
  );
}
