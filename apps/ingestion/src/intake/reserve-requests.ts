import { createHash } from "node:crypto";
import type { KeyGroups } from "@tripline/contracts/key-groups";
import { ONE_GROUP } from "@tripline/contracts/key-groups";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { keyGroupsOf } from "@tripline/stores/redis/connect-cluster";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import { DELETE_IF_UNCHANGED } from "@tripline/stores/redis/delete-if-unchanged";
import { sendEncoded } from "@tripline/stores/redis/encode-command";
import { MultiSet, multiSetArgs } from "@tripline/stores/redis/multi-set";
import { GroupGatherer } from "./call-gatherer.js";
import type { PreparedEvent } from "./prepare-event.js";

/**
 * State of a request: never seen; seen, but not known to have reached Kafka; in Kafka; a label whose application
 * features has confirmed; or a different request with the same ID or Idempotency-Key.
 */
export type RequestState = "fresh" | "reserved" | "accepted" | "applied" | "conflict";

type StoredState = "reserved" | "accepted" | "applied";

const LETTERS: Readonly<Record<StoredState, string>> = { reserved: "r", accepted: "a", applied: "d" };

/** Sets each missing key and returns the values of the others. The last argument is the time to live in seconds. */
const RESERVE = `local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call("set", key, ARGV[i], "EX", ARGV[#ARGV], "NX", "GET") end
return found`;

/** Sets each key, for a Redis without MSETEX. The last argument is the time to live in seconds. */
const MARK = 'for i, key in ipairs(KEYS) do redis.call("set", key, ARGV[i], "EX", ARGV[#ARGV]) end return {}';

const HOUR_SECONDS = 3_600;

/**
 * A larger batch takes several round trips, so that no other Redis client has to wait longer than about a millisecond.
 */
const REQUESTS_PER_ROUND_TRIP = 500;

interface StoredRequest {
  readonly id: string;
  readonly key: string;
  readonly value: string;
}

/**
 * Stores requests in Redis, so that any instance recognises a retry. The key of a request is `idem:<tenant>:<id>`, and
 * its value is a letter for the state, a colon and the fingerprint. An Idempotency-Key has a separate entry, under its
 * hash. Concurrent requests share a round trip: one command if possible, otherwise a script, which costs Redis two to
 * three times as much. A command per request would cost more than ten times as much.
 */
export class RequestReservations {
  private readonly ttlSeconds: number;
  readonly #groups: KeyGroups;
  readonly #multiSet: MultiSet;
  readonly #reserving: GroupGatherer<StoredRequest, unknown>;
  readonly #marking: GroupGatherer<StoredRequest, unknown>;

  constructor(
    private readonly redis: RedisConnection,
    ttlHours: number,
  ) {
    this.#groups = keyGroupsOf(redis);
    this.#multiSet = new MultiSet(redis);
    const gathererOf = (call: (requests: readonly StoredRequest[]) => Promise<unknown[]>) =>
      new GroupGatherer<StoredRequest, unknown>(this.#groups, ({ id }) => id, call, REQUESTS_PER_ROUND_TRIP);
    this.#reserving = gathererOf((requests) => this.reserveAll(requests));
    this.#marking = gathererOf((requests) => this.markAll(requests));
    this.ttlSeconds = Math.max(1, Math.round(ttlHours * HOUR_SECONDS));
  }

  /**
   * Reserves new requests and returns the state of requests that already exist: one round trip per 500 events, and
   * another one only after an Idempotency-Key conflict.
   *
   * @param events events with distinct IDs
   * @returns one state per event
   * @throws TriplineError `redis-unavailable`
   */
  async reserve(tenant: string, events: readonly PreparedEvent[], idempotencyKey?: string): Promise<RequestState[]> {
    const requests = events.map((event) => this.#requestOf(tenant, event.id, stored("reserved", event.fingerprint)));
    const [first] = requests;
    if (idempotencyKey !== undefined && first !== undefined) {
      requests.push(this.#requestOf(tenant, `key:${sha256(idempotencyKey)}`, first.value));
    }
    const found = await this.#reserving.request(requests);
    const states = requests.map(({ value }, index) => stateOf(found[index], value));
    if (idempotencyKey === undefined || !states.includes("conflict")) return states;
    await this.release(requests.filter((_request, index) => states[index] === "fresh"));
    return ["conflict"];
  }

  /**
   * @param isUrgent as in `CallGatherer.request`
   * @throws TriplineError `redis-unavailable`
   */
  async mark(
    tenant: string,
    events: readonly PreparedEvent[],
    state: "accepted" | "applied",
    isUrgent = true,
  ): Promise<void> {
    await this.#marking.request(
      events.map(({ id, fingerprint }) => this.#requestOf(tenant, id, stored(state, fingerprint))),
      isUrgent,
    );
  }

  #requestOf(tenant: string, id: string, value: string): StoredRequest {
    return { id, key: requestKey(tenant, id, this.#groups), value };
  }

  private async release(requests: readonly StoredRequest[]): Promise<void> {
    await requestRedis(() =>
      Promise.all(requests.map(({ key, value }) => this.redis.eval(DELETE_IF_UNCHANGED, 1, key, value))),
    );
  }

  /** @returns the previous value of each key. Usually no key exists, in which case one command is enough */
  private async reserveAll(requests: readonly StoredRequest[]): Promise<unknown[]> {
    // If two requests in this turn have the same key, only one may reserve it. The script ensures this.
    const areDistinct = new Set(requests.map(({ key }) => key)).size === requests.length;
    if (areDistinct && (await this.setAll(requests, "NX")) === 1) return [];
    return this.run(RESERVE, requests);
  }

  private async markAll(requests: readonly StoredRequest[]): Promise<unknown[]> {
    return (await this.setAll(requests)) === undefined ? this.run(MARK, requests) : [];
  }

  /** @returns 1 if all were set, 0 if none was; undefined if this Redis cannot set them in one command */
  private async setAll(requests: readonly StoredRequest[], condition?: "NX"): Promise<unknown> {
    return requestRedis(async () => {
      if (!(await this.#multiSet.isKnown())) return undefined;
      const args = multiSetArgs(requests, this.ttlSeconds, condition);
      return sendEncoded(this.redis, "MSETEX", args, requests[0]?.key);
    });
  }

  private async run(script: string, requests: readonly StoredRequest[]): Promise<unknown[]> {
    const args: (string | number)[] = [];
    for (const { key } of requests) args.push(key);
    for (const { value } of requests) args.push(value);
    args.push(this.ttlSeconds);
    const found = await requestRedis(() => this.redis.eval(script, requests.length, ...args));
    return Array.isArray(found) ? found : [];
  }
}

/**
 * Redis key of a request's state. Tenants never share a key, so none can learn another's IDs. In a cluster, it shares
 * the slot of the payment's `decisionKey`.
 */
export function requestKey(tenant: string, id: string, groups: KeyGroups = ONE_GROUP): string {
  return `idem:${groups.tagOf(id)}${tenant}:${id}`;
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

/** Clients choose their keys freely. Hashing keeps the content out of Redis. */
function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
