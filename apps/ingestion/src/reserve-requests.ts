import { createHash } from "node:crypto";
import { asRedisError } from "@tripline/service-kit/connect-redis";
import type { Redis } from "ioredis";
import type { PreparedEvent } from "./prepare-event.js";

/**
 * What is known of a request: never seen; seen, but not known to have reached Kafka; in Kafka; a label whose
 * application features has confirmed; or a different request under the same id or Idempotency-Key.
 */
export type RequestState = "fresh" | "reserved" | "accepted" | "applied" | "conflict";

type StoredState = "reserved" | "accepted" | "applied";

const LETTERS: Readonly<Record<StoredState, string>> = { reserved: "r", accepted: "a", applied: "d" };

/** Deletes a key if it still holds what the caller put there, so that nobody else's progress is undone. */
const DELETE_IF_UNCHANGED =
  'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0';

const HOUR_SECONDS = 3_600;

/** A larger batch takes several round trips: each command has to be answered within a second of being queued. */
const COMMANDS_PER_ROUND_TRIP = 1_000;

/**
 * Remembers requests in Redis, so that a repetition is recognised on whichever instance it arrives. A request is a
 * string `idem:<tenant>:<id>` holding a letter for its state, a colon and its fingerprint; an Idempotency-Key is one
 * more, under the key's hash.
 */
export class RequestReservations {
  private readonly ttlSeconds: number;

  constructor(
    private readonly redis: Redis,
    ttlHours: number,
  ) {
    this.ttlSeconds = Math.max(1, Math.round(ttlHours * HOUR_SECONDS));
  }

  /**
   * Reserves what is free and says what is known of the rest: one round trip per thousand events, and another one only
   * after a conflict of an Idempotency-Key.
   *
   * @param events with different ids
   * @returns one state per event
   * @throws TriplineError `redis-unavailable`
   */
  async reserve(tenant: string, events: readonly PreparedEvent[], idempotencyKey?: string): Promise<RequestState[]> {
    const requests = events.map((event) => ({
      key: requestKey(tenant, event.id),
      value: stored("reserved", event.fingerprint),
    }));
    const [first] = requests;
    const all = [...requests];
    if (idempotencyKey !== undefined && first !== undefined) {
      all.push({ key: requestKey(tenant, `key:${sha256(idempotencyKey)}`), value: first.value });
    }
    const found = await this.exec(all, (pipeline, { key, value }) => {
      pipeline.set(key, value, "EX", this.ttlSeconds, "NX", "GET");
    });
    const states = all.map(({ value }, index) => stateOf(found[index], value));
    if (idempotencyKey === undefined || !states.includes("conflict")) return states;
    await this.release(all.filter((_request, index) => states[index] === "fresh"));
    return ["conflict"];
  }

  /** @throws TriplineError `redis-unavailable` */
  async mark(tenant: string, events: readonly PreparedEvent[], state: "accepted" | "applied"): Promise<void> {
    await this.exec(events, (pipeline, { id, fingerprint }) => {
      pipeline.set(requestKey(tenant, id), stored(state, fingerprint), "EX", this.ttlSeconds);
    });
  }

  private async release(requests: readonly { key: string; value: string }[]): Promise<void> {
    await this.exec(requests, (pipeline, { key, value }) => {
      pipeline.eval(DELETE_IF_UNCHANGED, 1, key, value);
    });
  }

  /** One command per item, and their results in the same order. */
  private async exec<T>(items: readonly T[], add: (pipeline: Pipeline, item: T) => void): Promise<unknown[]> {
    const results: unknown[] = [];
    try {
      for (let start = 0; start < items.length; start += COMMANDS_PER_ROUND_TRIP) {
        const pipeline = this.redis.pipeline();
        for (const item of items.slice(start, start + COMMANDS_PER_ROUND_TRIP)) add(pipeline, item);
        for (const [error, result] of (await pipeline.exec()) ?? []) {
          if (error !== null) throw error;
          results.push(result);
        }
      }
    } catch (error) {
      throw asRedisError(error);
    }
    return results;
  }
}

type Pipeline = ReturnType<Redis["pipeline"]>;

/** Where the state of a request is kept. Tenants share no key, so that none learns of another's ids. */
export function requestKey(tenant: string, id: string): string {
  return `idem:${tenant}:${id}`;
}

/** Whether a stored request has reached Kafka. */
export function isAccepted(found: string | null): boolean {
  return found !== null && !found.startsWith(LETTERS.reserved);
}

function stored(state: StoredState, fingerprint: string): string {
  return `${LETTERS[state]}:${fingerprint}`;
}

function stateOf(found: unknown, wanted: string): RequestState {
  if (typeof found !== "string") return "fresh";
  if (found.slice(1) !== wanted.slice(1)) return "conflict";
  if (found.startsWith(LETTERS.reserved)) return "reserved";
  return found.startsWith(LETTERS.applied) ? "applied" : "accepted";
}

/** Clients may put anything into their keys; the hash keeps that out of Redis. */
function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
