import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { InjectRedis } from "@tripline/nest-kit/redis/redis.module";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import { DELETE_IF_UNCHANGED } from "@tripline/stores/redis/delete-if-unchanged";
import type { Redis } from "ioredis";
import { HOLD } from "../features.tokens.js";

/** The states belong to another rebuild, which is running or has just restored them. */
export class AnotherRebuild extends TriplineError {
  constructor(
    sentence: string,
    readonly isRunning: boolean,
  ) {
    super("state-conflict", sentence);
  }
}

/** Redis key that exists while states are rebuilt. It expires by itself if the rebuild is killed. */
export const REBUILD_KEY = "state-rebuild";

/** How long an instance relies on its last read of the key. A new key reaches all instances within twice this time. */
export const LOOK_MS = 250;
/**
 * Shorter than the time for which a closing consumer waits for its handlers. After that, records are retried, as after
 * a failure.
 */
const WAIT_MS_MAX = 4_000;
const EXPIRY_MS = 30_000;
export const RENEW_MS = 5_000;

/**
 * KEYS: the key. ARGV: the value of this rebuild, and the expiry in ms. After a long pause, another rebuild may have the
 * key.
 */
const RENEW = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
`;

/**
 * Keeps an instance of the service from counting while states are rebuilt, so that no instance has to be stopped. It is
 * advisory and not a lock, so an instance that has not seen the key may still count. The rebuild detects that and does
 * not mark the states as complete.
 */
@Injectable()
export class RebuildHold {
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #isHeld = false;

  /** @param redis not the connection used for compare-and-set, which must be exclusive */
  constructor(@InjectRedis(HOLD) private readonly redis: Pick<Redis, "exists">) {}

  /**
   * Resolves when events may be counted.
   *
   * @throws TriplineError `state-incomplete` after 4 s; `redis-unavailable`
   */
  async passed(): Promise<void> {
    const deadlineMs = performance.now() + WAIT_MS_MAX;
    while (await this.#look()) {
      if (performance.now() > deadlineMs) throw new TriplineError("state-incomplete", "The states are being rebuilt.");
      await delay(LOOK_MS);
    }
  }

  async #look(): Promise<boolean> {
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < LOOK_MS) return this.#isHeld;
    this.#isHeld = (await requestRedis(() => this.redis.exists(REBUILD_KEY))) > 0;
    this.#lookedAtMs = nowMs;
    return this.#isHeld;
  }
}

/**
 * Runs work while instances of the service pause.
 *
 * @param work receives the value of the key, which stays the same until the work ends. If the key is lost or expires, it is
 *   not set again
 * @param redis a connection on which nothing is watched
 * @throws AnotherRebuild while it runs; TriplineError `redis-unavailable`; any error of the work
 */
export async function whileHeld<T>(redis: Redis, work: (held: string) => Promise<T>): Promise<T> {
  const own = randomUUID();
  if ((await requestRedis(() => redis.set(REBUILD_KEY, own, "PX", EXPIRY_MS, "NX"))) === null) throw isRunning();
  // A failed renewal is retried well before the key expires.
  const renew = () => void redis.eval(RENEW, 1, REBUILD_KEY, own, EXPIRY_MS).catch(() => {});
  const renewing = setInterval(renew, RENEW_MS);
  try {
    return await work(own);
  } finally {
    clearInterval(renewing);
    await redis.eval(DELETE_IF_UNCHANGED, 1, REBUILD_KEY, own).catch(() => {});
  }
}

/** @throws AnotherRebuild while it runs; TriplineError `redis-unavailable` */
export async function requireNotHeld(redis: Redis): Promise<void> {
  if ((await requestRedis(() => redis.exists(REBUILD_KEY))) > 0) throw isRunning();
}

function isRunning(): AnotherRebuild {
  const sentence = `Another run of this command is rebuilding the states. If it was killed, wait ${EXPIRY_MS / 1000} seconds.`;
  return new AnotherRebuild(sentence, true);
}
