import { randomUUID } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { REPLY_LABEL_APPLIED } from "@tripline/contracts/redis-keys";
import { STATE_HEADER_BYTES } from "@tripline/feature-engine/state/state-codec";
import { asRedisError, requestRedis } from "@tripline/stores/redis/connect-redis";
import { addBuilt, addCommand, encodeArguments } from "@tripline/stores/redis/encode-command";
import { MultiSet, multiSetArgs } from "@tripline/stores/redis/multi-set";
import type { ChainableCommander, Command, Redis } from "ioredis";
import type { AppliedBatch } from "./applied-batch.js";
import { appliedOffset, decodeApplied } from "./applied-batch.js";
import type { FlaggedStates } from "./complete-mark.js";
import { encodeMark, lostKey, MarkReader } from "./complete-mark.js";

const NO_EVICTION = "noeviction";
/**
 * Redis key of the turn. While it exists, only the instance that set it writes. It has the prefix of the states' keys,
 * because the service's Redis user may write keys with this prefix.
 */
export const TURN_KEY = "state:turn";
/** Expiry of a turn, in milliseconds, in case the instance ends before it writes. */
export const TURN_MS = 1_000;

/** The stored values at one moment; `compareAndSet` checks whether they are still current. */
export interface Snapshot {
  /** First bytes of each partition's applied batch; empty if there is none. */
  readonly appliedHeads: readonly Buffer[];
  /** Stored states by key; null if there is none. */
  readonly states: ReadonlyMap<string, Buffer | null>;
  /** Results of the additional commands in their order. Each one is a reply or an error. */
  readonly besides: readonly unknown[];
  /** Whether the states are marked as complete; see `StateCompleteness`. */
  readonly complete: boolean;
  /** The unverified states, if the states are marked as complete. */
  readonly flagged: FlaggedStates;
  /** Whether this instance or another one has the turn. If another one has it, this instance should not write yet. */
  readonly turn: "own" | "other" | undefined;
  /** Number of the read that returned it; only the newest one can be the basis of a write. */
  readonly read: number;
}

export interface Change {
  /** The basis of the change: the newest read, which included all keys that change. */
  readonly snapshot: Snapshot;
  /** The new applied batches of the counted partitions. */
  readonly applied: readonly { readonly key: string; readonly value: Uint8Array }[];
  /** The changed states of entities. */
  readonly states: readonly { readonly key: string; readonly value: Uint8Array }[];
}

/** Kafka's view of the progress in one partition. */
export interface CommittedOffset {
  /** All records before this offset were counted or dead-lettered, by this or another instance. */
  readonly next: number;
  /** Whether any record from this offset up to `next` was counted. */
  isCountedFrom(offset: number): Promise<boolean>;
}

/**
 * Window states and applied batches in Redis. Every method throws TriplineError `redis-unavailable`.
 *
 * Compare-and-set is WATCH before the read and MULTI … EXEC for the write, which Redis rejects if any watched key has
 * changed in between. It costs half the CPU of a script, which would have to copy every value.
 *
 * Watches belong to the connection and end with the next read, with a write, or with the connection. Therefore, the
 * store owns the connection, and nothing else may use it. Reads are numbered, and a snapshot whose keys may no longer
 * be watched cannot be written. All keys must be on one shard.
 *
 * If other instances repeatedly change its states before it can write them, an instance takes the turn, by setting a key
 * that every read watches. This cancels all concurrent writes. The instance's next write ends the turn.
 */
export class StateStore {
  /** Number of the read whose keys are watched. Everything that ends the watch increments it. */
  #watching = 0;
  /** Value of `TURN_KEY` while this instance has the turn. */
  readonly #turn = Buffer.from(randomUUID());
  readonly #multiSet: MultiSet;
  readonly #marks = new MarkReader();
  /** Number of lost connections so far. */
  #losses = 0;
  /** Value of `#losses` at the last check, which found that the server evicts no keys and has the last writes. */
  #checkedAt: number | undefined;
  /**
   * Offsets of the applied batches that this store wrote while the states had the current mark, by key. They may not be
   * committed to Kafka yet.
   */
  readonly #written = new Map<string, number>();
  #mark: Buffer | null = null;

  constructor(
    /** Owned by the store, so nothing else may use it. */
    private readonly redis: Redis,
    private readonly options: {
      /** Time to live of a state without new events. */
      readonly stateTtlSeconds: number;
      /** Key that exists while the states are complete, see `completeKey`. */
      readonly completeKey: string;
      /** The progress of all instances. Without it, the store knows only its own writes. */
      readonly committed?: { byKey(): Promise<ReadonlyMap<string, CommittedOffset>> };
    },
  ) {
    this.#multiSet = new MultiSet(redis);
    redis.on("close", () => {
      this.#losses += 1;
      this.#watching += 1;
    });
  }

  /**
   * One round trip for the states of batches of one or more partitions.
   *
   * @param besides additional commands in the same round trip; what they read is not watched
   * @param takesTurn takes the turn first, unless another instance has it
   * @throws TriplineError `config-invalid` for a Redis that may evict states; after a reconnect, `kafka-unavailable` if
   *   Kafka cannot confirm that the server has all writes
   */
  async read(
    appliedKeys: readonly string[],
    stateKeys: readonly string[],
    { besides = [], takesTurn = false }: { readonly besides?: readonly Command[]; readonly takesTurn?: boolean } = {},
  ): Promise<Snapshot> {
    if (this.#checkedAt !== this.#losses) await this.#checkServer();
    const pipeline = this.redis.pipeline().unwatch();
    const keys = encodeArguments(stateKeys);
    if (takesTurn) pipeline.set(TURN_KEY, this.#turn, "PX", TURN_MS, "NX");
    addCommand(pipeline, "watch", [TURN_KEY, ...appliedKeys, keys]);
    const first = pipeline.length;
    for (const key of appliedKeys) pipeline.getrangeBuffer(key, 0, STATE_HEADER_BYTES - 1);
    addCommand(pipeline, "mget", [this.options.completeKey, TURN_KEY, keys]);
    const own = pipeline.length;
    for (const command of besides) addBuilt(pipeline, command);
    // Sent immediately, so that the number identifies the newest request that the server receives.
    this.#watching += 1;
    const read = this.#watching;
    const replies = await this.#run(pipeline, own);
    const appliedHeads = replies.slice(first, own - 1).filter((head) => Buffer.isBuffer(head));
    const values = replies[own - 1];
    if (appliedHeads.length < appliedKeys.length || !Array.isArray(values)) throw unexpected("a read");
    const [mark, turn] = [bufferOf(values[0]), bufferOf(values[1])];
    if (!isSame(mark, this.#mark)) this.#written.clear();
    this.#mark = mark;
    if (read === this.#watching) this.#forgetRemoved(appliedKeys, appliedHeads);
    const states = new Map<string, Buffer | null>();
    for (const [index, key] of stateKeys.entries()) states.set(key, bufferOf(values[index + 2]));
    return {
      appliedHeads,
      states,
      besides: replies.slice(own),
      complete: mark !== null,
      flagged: this.#marks.flaggedIn(mark),
      turn: turn === null ? undefined : turn.equals(this.#turn) ? "own" : "other",
      read,
    };
  }

  /** As in `Snapshot.appliedHeads`, for one partition. Does not affect watches. */
  async readAppliedHead(appliedKey: string): Promise<Buffer> {
    return requestRedis(() => this.redis.getrangeBuffer(appliedKey, 0, STATE_HEADER_BYTES - 1));
  }

  /** Whether the states are marked as complete. */
  async isMarkedComplete(): Promise<boolean> {
    return (await requestRedis(() => this.redis.exists(this.options.completeKey))) === 1;
  }

  /** Marks the states as complete. */
  async markComplete(): Promise<void> {
    await requestRedis(() => this.redis.set(this.options.completeKey, encodeMark(), "NX"));
  }

  /** @throws TriplineError `state-unreadable` */
  async readApplied(appliedKey: string): Promise<AppliedBatch | undefined> {
    const bytes = await requestRedis(() => this.redis.getBuffer(appliedKey));
    return bytes === null ? undefined : decodeApplied(bytes);
  }

  /**
   * Writes all or nothing, and ends this instance's turn. Applied batches do not expire, because there is only one per
   * partition.
   *
   * @returns false, without writing, if any of the keys has changed or may have changed since the read: the snapshot is
   *   not from the newest read, was already written, or the connection was lost since then
   */
  async compareAndSet({ snapshot, applied, states }: Change): Promise<boolean> {
    const { stateTtlSeconds } = this.options;
    const together = await requestRedis(() => this.#multiSet.isKnown());
    const transaction = this.redis.multi();
    if (snapshot.turn === "own") transaction.del(TURN_KEY);
    for (const { key, value } of applied) transaction.set(key, asBuffer(value));
    if (together && states.length > 0) {
      addCommand(transaction, "msetex", multiSetArgs(states, stateTtlSeconds));
    } else {
      for (const { key, value } of states) transaction.set(key, asBuffer(value), "EX", stateTtlSeconds);
    }
    // Nothing may be awaited between here and the write.
    if (snapshot.read !== this.#watching) return false;
    this.#watching += 1;
    if (!(await this.#exec(transaction))) return false;
    for (const { key, value } of applied) this.#written.set(key, appliedOffset(value));
    return true;
  }

  /** Forgets the offsets that an operator has removed from Redis, because their topics were recreated. */
  #forgetRemoved(keys: readonly string[], heads: readonly Buffer[]): void {
    for (const [index, key] of keys.entries()) {
      if (appliedOffset(heads[index]) < (this.#written.get(key) ?? -1)) this.#written.delete(key);
    }
  }

  async #checkServer(): Promise<void> {
    const losses = this.#losses;
    await this.#requireNoEviction();
    await this.#findLostWrites(losses);
    this.#requireConnected(losses);
    this.#checkedAt = losses;
  }

  #requireConnected(losses: number): void {
    if (losses === this.#losses) return;
    throw new TriplineError("redis-unavailable", "The connection to Redis was lost while its states were checked.");
  }

  /**
   * After a failover, the server may be a replica that lacks the last writes, so that its states silently lack events. In
   * this case, the store removes their mark before it counts anything. All states are then flagged and restored, as if
   * Redis had lost all of them.
   */
  async #findLostWrites(losses: number): Promise<void> {
    const { completeKey } = this.options;
    // Requested before the stored offsets, which other instances may advance in the meantime.
    const committed = await this.options.committed?.byKey();
    const keys = [...new Set([...this.#written.keys(), ...(committed?.keys() ?? [])])];
    if (keys.length === 0) return;
    const pipeline = this.redis.pipeline().unwatch().watch(completeKey);
    for (const key of keys) pipeline.getrangeBuffer(key, 0, STATE_HEADER_BYTES - 1);
    pipeline.getBuffer(completeKey);
    this.#watching += 1;
    const [, , ...replies] = await this.#run(pipeline, pipeline.length);
    const mark = bufferOf(replies[keys.length]);
    if (mark === null) return;
    // A different mark means that the states have been restored since this store wrote them.
    if (!isSame(mark, this.#mark)) this.#written.clear();
    const applied = keys.map((key, index) => [key, appliedOffset(bufferOf(replies[index]) ?? undefined)] as const);
    const evidence = await this.#findBehind(applied, committed);
    // The offsets are kept, because another failover may follow before the next batch of a partition.
    if (evidence === undefined) return;
    this.#requireConnected(losses);
    const removal = this.redis
      .multi()
      .del(completeKey)
      .set(lostKey(completeKey), `${new Date().toISOString()} ${evidence}`);
    await this.#exec(removal);
    this.#written.clear();
  }

  /** @returns a message to the operator about a partition whose stored offset is behind; undefined if there is none */
  async #findBehind(
    applied: readonly (readonly [key: string, offset: number])[],
    committed: ReadonlyMap<string, CommittedOffset> = new Map(),
  ): Promise<string | undefined> {
    for (const [key, offset] of applied) {
      const written = this.#written.get(key) ?? -1;
      if (offset < written) return `${key} is at ${offset}, but this instance wrote ${written}`;
      const { next = 0, isCountedFrom } = committed.get(key) ?? {};
      // A missing offset does not prove a loss: it is also missing after `tripline load-state --partial`, or if all records
      // were dead letters.
      if (offset >= 0 && offset + 1 < next && (await isCountedFrom?.(offset + 1))) {
        return `${key} is at ${offset}, but ${next - 1} was committed`;
      }
    }
    return undefined;
  }

  /** An evicted state would look like that of a new card, and nothing would show that its windows lack events. */
  async #requireNoEviction(): Promise<void> {
    const memory = await requestRedis(() => this.redis.info("memory"));
    // Managed servers may not allow this command.
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
    if (policy !== undefined && policy !== NO_EVICTION) {
      const { host, port } = this.redis.options;
      throw new TriplineError(
        "config-invalid",
        `The Redis at ${host}:${port} evicts keys when its memory is full (maxmemory-policy ${policy}). Set maxmemory-policy to ` +
          `${NO_EVICTION}: window states must not be evicted individually.`,
      );
    }
  }

  /** @returns false if a watched key has changed */
  async #exec(transaction: ChainableCommander): Promise<boolean> {
    const replies = await requestRedis(() => transaction.exec());
    const failed = replies?.find(([error]) => error !== null)?.[0];
    if (failed) throw asRedisError(failed);
    return replies !== null;
  }

  /** One round trip. @returns the replies in order; throws the first error among the first `own` commands */
  #run(pipeline: ChainableCommander, own: number): Promise<unknown[]> {
    return requestRedis(async () => {
      const replies = (await pipeline.exec()) ?? [];
      return replies.map(([error, reply], index) => {
        if (error !== null && index < own) throw error;
        return error ?? reply;
      });
    });
  }

  /** Notifies waiting callers that their labels were applied. One round trip. */
  async replyApplied(labels: readonly { readonly channel: string; readonly labelId: string }[]): Promise<void> {
    await requestRedis(() =>
      Promise.all(
        labels.map(({ channel, labelId }) =>
          this.redis.publish(channel, Buffer.concat([Buffer.of(REPLY_LABEL_APPLIED), Buffer.from(labelId, "ascii")])),
        ),
      ),
    );
  }

  /** For the readiness probe. */
  async ping(): Promise<void> {
    await requestRedis(() => this.redis.ping());
  }
}

function bufferOf(reply: unknown): Buffer | null {
  return Buffer.isBuffer(reply) ? reply : null;
}

function isSame(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function unexpected(what: string): TriplineError {
  return new TriplineError("internal", `Redis returned ${what} in an unexpected form.`);
}
