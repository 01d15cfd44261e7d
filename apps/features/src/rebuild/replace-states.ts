import { TriplineError } from "@tripline/contracts/error-table";
import { STATE_HEADER_BYTES } from "@tripline/feature-engine/state/state-codec";
import { asRedisError } from "@tripline/stores/redis/connect-redis";
import type { ChainableCommander, Redis } from "ioredis";
import { encodeApplied } from "../states/applied-batch.js";
import type { FlaggedStates } from "../states/complete-mark.js";
import { encodeMark, lostKey } from "../states/complete-mark.js";
import { REBUILD_KEY } from "../states/rebuild-hold.js";
import type { RebuiltStates } from "./folded-lake.js";

export interface ReplaceStatesOptions {
  /** An exclusive connection. */
  readonly redis: Redis;
  /** Value of the key that pauses the services. */
  readonly held: string;
  /** Keys of the applied batches of all partitions that the features service reads. */
  readonly appliedKeys: readonly string[];
  /** Key that exists while the states are complete. */
  readonly completeKey: string;
  /** Prefixes of the keys of states. */
  readonly prefixes: readonly string[];
  readonly stateTtlSeconds: number;
  readonly onProgress: (states: number, total: number) => void;
}

/** Keys per pipeline; the replies of one are awaited before the next is sent. */
const KEYS_PER_PIPELINE = 500;
const TRIES_MAX = 5;

/**
 * Replaces the stored states. An instance that counts at the same time changes a partition's applied batch together
 * with the states. This is detected, and nothing is marked as complete. All methods throw TriplineError
 * `redis-unavailable`.
 */
export class StateReplacement {
  #isLost = false;
  #heads: readonly string[] = [];

  constructor(private readonly options: ReplaceStatesOptions) {
    // A new connection does not watch the keys that a lost one watched.
    options.redis.once("close", () => {
      this.#isLost = true;
    });
  }

  /**
   * Records the offset up to which each partition is counted. The new states will not include anything counted later.
   *
   * @returns the first bytes of the applied batches by key; empty if nothing is stored
   */
  async open(): Promise<ReadonlyMap<string, Buffer>> {
    this.#heads = await this.#readHeads();
    return new Map(this.options.appliedKeys.map((key, index) => [key, Buffer.from(this.#heads[index] ?? "", "hex")]));
  }

  /**
   * The mark is missing until the replacement is complete. The replacement can be repeated at any time.
   *
   * @param applied by key: the last record of a partition that is in the states; absent if there is none
   * @param flagged states that are unverified
   * @returns the number of states written
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
    const isUnchanged = async () => (await this.#readHeads()).every((head, index) => head === this.#heads[index]);
    const wasComplete = (await this.#request(() => redis.exists(completeKey))) > 0;
    await this.#write(isUnchanged, () => {
      const transaction = redis.multi().del(completeKey, ...appliedKeys);
      return wasComplete ? transaction.set(lostKey(completeKey), new Date().toISOString()) : transaction;
    });
  }

  /** Also removes states of events that were never emitted, which are not in the lake and are redelivered. */
  async #removeStates(): Promise<void> {
    const { redis, prefixes } = this.options;
    const found = redis.scanStream({ match: "state:*", count: KEYS_PER_PIPELINE });
    await this.#request(async () => {
      for await (const keys of found as AsyncIterable<string[]>) {
        const ours = keys.filter((key) => prefixes.some((prefix) => key.startsWith(prefix)));
        await this.#requireHeld();
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
      // The state expires when it would have expired without the loss.
      const leftSeconds = Math.min(stateTtlSeconds, Math.ceil(stateTtlSeconds - (nowMs - touchedAtMs) / 1000));
      if (leftSeconds <= 0) continue;
      pipeline.set(key, Buffer.from(value.buffer, value.byteOffset, value.byteLength), "EX", leftSeconds);
      written += 1;
      if (pipeline.length < KEYS_PER_PIPELINE) continue;
      await this.#requireHeld();
      await this.#exec(pipeline);
      pipeline = redis.pipeline();
      onProgress(written, states.size);
    }
    await this.#requireHeld();
    await this.#exec(pipeline);
    onProgress(written, states.size);
    return written;
  }

  /**
   * Stores applied batches without emissions. Records from the committed offset up to the last counted one have been
   * emitted, because the lake has their results. Therefore, they are skipped like a batch that was counted and
   * acknowledged, and counting continues with the first record after them.
   */
  async #mark(applied: ReadonlyMap<string, number>, flagged: FlaggedStates): Promise<void> {
    const { redis, appliedKeys, completeKey } = this.options;
    const isUnchanged = async () => (await this.#request(() => redis.exists(...appliedKeys))) === 0;
    await this.#write(isUnchanged, () => {
      const transaction = redis.multi();
      for (const [key, offset] of applied) transaction.set(key, Buffer.from(encodeApplied({ offset, emissions: [] })));
      return transaction.set(completeKey, encodeMark(flagged)).del(lostKey(completeKey));
    });
  }

  /** Runs a transaction that fails if any instance has counted in the meantime, or if Redis has lost its data. */
  async #write(isUnchanged: () => Promise<boolean>, build: () => ChainableCommander): Promise<void> {
    const { redis, appliedKeys } = this.options;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      await this.#request(() => redis.watch(REBUILD_KEY, ...appliedKeys));
      await this.#requireHeld();
      if (!(await isUnchanged())) break;
      // The key is renewed every few seconds, which also cancels the transaction.
      if ((await this.#tryExec(build())) !== null) return;
    }
    throw countedMeanwhile();
  }

  /**
   * Redis may have lost states that were already restored. In that case, it has also lost the key that pauses the
   * services. If this process was paused until the key expired, another run may have restored the states, and events
   * may have been counted since then.
   */
  async #requireHeld(): Promise<void> {
    const { redis, held } = this.options;
    if ((await this.#request(() => redis.get(REBUILD_KEY))) === held) return;
    throw new TriplineError(
      "state-conflict",
      "Redis lost its data, or this process paused for too long, before all states were restored. Run the command again.",
    );
  }

  /** The first bytes of the applied batches, which differ between any two versions for one partition. */
  async #readHeads(): Promise<string[]> {
    const pipeline = this.options.redis.pipeline();
    for (const key of this.options.appliedKeys) pipeline.getrangeBuffer(key, 0, STATE_HEADER_BYTES - 1);
    const replies = await this.#exec(pipeline);
    return replies.map((reply) => (Buffer.isBuffer(reply) ? reply.toString("hex") : ""));
  }

  async #exec(commands: ChainableCommander): Promise<unknown[]> {
    return (await this.#tryExec(commands)) ?? [];
  }

  /** Null if a watched key has changed. */
  async #tryExec(commands: ChainableCommander): Promise<unknown[] | null> {
    const replies = await this.#request(() => commands.exec());
    return replies === null
      ? null
      : replies.map(([error, reply]) => {
          if (error !== null) throw asRedisError(error);
          return reply;
        });
  }

  async #request<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isLost)
      throw new TriplineError("redis-unavailable", "The connection to Redis was lost. Run the command again.");
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
    "The features service has counted more events in the meantime. Run the command again. If that does not help, first stop " +
      "all instances of the service.",
  );
}
