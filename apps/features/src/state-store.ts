import { createHash } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { REPLY_LABEL_APPLIED } from "@tripline/contracts/redis-keys";
import { STATE_HEADER_BYTES } from "@tripline/feature-engine/state-codec";
import { asRedisError } from "@tripline/service-kit/connect-redis";
import type { Redis } from "ioredis";
import type { AppliedBatch } from "./applied-batch.js";
import { decodeApplied } from "./applied-batch.js";

/** A consistent guess at what is stored; `compareAndSet` finds out whether it still holds. */
export interface Snapshot {
  /** First bytes of the partition's applied batch; empty where there is none. */
  readonly appliedHead: Buffer;
  /** Stored states by key; null where there is none. */
  readonly states: ReadonlyMap<string, Buffer | null>;
}

export interface Change {
  readonly appliedKey: string;
  /** What the change is based on. */
  readonly appliedHead: Buffer;
  readonly applied: Uint8Array;
  /** Only states that changed. */
  readonly states: readonly { readonly key: string; readonly before: Buffer | null; readonly after: Uint8Array }[];
}

/*
 * KEYS: the applied batch, then the states. ARGV: seconds that states live, the heads of all keys as they were read
 * (empty for absent ones), then the new values of all keys. Writes all or nothing. The applied batch does not expire:
 * there is one for each partition. All keys have to live on one shard of Redis.
 */
const COMPARE_AND_SET = `
for i, key in ipairs(KEYS) do
  if redis.call('GETRANGE', key, 0, ${STATE_HEADER_BYTES - 1}) ~= ARGV[1 + i] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[2 + #KEYS])
for i = 2, #KEYS do
  redis.call('SET', KEYS[i], ARGV[1 + #KEYS + i], 'EX', ARGV[1])
end
return 1
`;
const COMPARE_AND_SET_SHA = createHash("sha1").update(COMPARE_AND_SET).digest("hex");

/** Window states and applied batches in Redis. Every method throws TriplineError `redis-unavailable`. */
export class StateStore {
  constructor(
    private readonly redis: Redis,
    private readonly stateTtlSeconds: number,
  ) {}

  /** One round trip for the states of a whole batch. */
  async read(appliedKey: string, stateKeys: readonly string[]): Promise<Snapshot> {
    const [appliedHead, states] = await asked(() =>
      Promise.all([
        this.redis.getrangeBuffer(appliedKey, 0, STATE_HEADER_BYTES - 1),
        stateKeys.length === 0 ? [] : this.redis.mgetBuffer([...stateKeys]),
      ]),
    );
    return { appliedHead, states: new Map(stateKeys.map((key, index) => [key, states[index] ?? null])) };
  }

  /** @throws TriplineError `state-unreadable` */
  async readApplied(appliedKey: string): Promise<AppliedBatch | undefined> {
    const bytes = await asked(() => this.redis.getBuffer(appliedKey));
    return bytes === null ? undefined : decodeApplied(bytes);
  }

  /** @returns false, and nothing is written, when any of the keys has changed since it was read. */
  async compareAndSet(change: Change): Promise<boolean> {
    const keys = [change.appliedKey, ...change.states.map((state) => state.key)];
    const heads = change.states.map(({ before }) => before?.subarray(0, STATE_HEADER_BYTES) ?? "");
    const values = change.states.map(({ after }) => asBuffer(after));
    const rest = [...keys, this.stateTtlSeconds, change.appliedHead, ...heads, asBuffer(change.applied), ...values];
    const answer = await asked(async () => {
      try {
        return await this.redis.evalsha(COMPARE_AND_SET_SHA, keys.length, ...rest);
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
        return await this.redis.eval(COMPARE_AND_SET, keys.length, ...rest);
      }
    });
    return answer === 1;
  }

  /** Tells those who wait that their labels count now. One round trip. */
  async replyApplied(labels: readonly { readonly channel: string; readonly labelId: string }[]): Promise<void> {
    await asked(() =>
      Promise.all(
        labels.map(({ channel, labelId }) =>
          this.redis.publish(channel, Buffer.concat([Buffer.of(REPLY_LABEL_APPLIED), Buffer.from(labelId, "ascii")])),
        ),
      ),
    );
  }

  /** For the readiness probe. */
  async ping(): Promise<void> {
    await asked(() => this.redis.ping());
  }
}

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof TriplineError ? error : asRedisError(error);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
