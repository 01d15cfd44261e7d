import { Inject, Injectable } from "@nestjs/common";
import { joinDecisions } from "@tripline/contracts/decision-replies";
import { TriplineError } from "@tripline/contracts/error-table";
import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { KeyGroups } from "@tripline/contracts/key-groups";
import { handleByGroup, ONE_GROUP } from "@tripline/contracts/key-groups";
import { decisionKey } from "@tripline/contracts/redis-keys";
import { InjectRedis } from "@tripline/nest-kit/redis/redis.module";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { keyGroupsOf } from "@tripline/stores/redis/connect-cluster";
import { asRedisError, requestRedis } from "@tripline/stores/redis/connect-redis";
import { addCommand, sendEncoded } from "@tripline/stores/redis/encode-command";
import { MultiSet, multiSetArgs } from "@tripline/stores/redis/multi-set";
import type { Redis } from "ioredis";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";
import { KEEP_WITHIN_BUDGETS, keepArguments, tenantOf } from "./keep-within-budgets.js";
import { itemAt } from "./open-payment.js";
import type { StoredDecision } from "./stored-decision.js";
import { choicesOf } from "./stored-decision.js";

const HOUR_S = 3_600;

type PipelineResults = Awaited<ReturnType<ReturnType<Redis["pipeline"]>["exec"]>>;

export interface Reply {
  readonly channel: string;
  readonly bytes: Uint8Array;
}

/**
 * The decisions in Redis. The first one written for a payment is final until it expires. Each call is one round trip, or
 * three in a cluster if a decision has a budget.
 */
@Injectable()
export class DecisionStore {
  readonly #redis: RedisConnection;
  readonly #groups: KeyGroups;
  readonly #multiSet: MultiSet;
  readonly #ttlSeconds: number;

  constructor(
    @InjectRedis() redis: RedisConnection,
    @Inject(DECISIONS_CONFIG) config: Pick<DecisionsConfig, "DECISION_TTL_HOURS">,
  ) {
    this.#redis = redis;
    this.#groups = keyGroupsOf(redis);
    this.#multiSet = new MultiSet(redis);
    this.#ttlSeconds = config.DECISION_TTL_HOURS * HOUR_S;
  }

  /**
   * Stores decisions for payments that have none, and counts them against their budgets, atomically.
   *
   * @returns the decisions now in force, in the given order: for each payment, the bytes of one of its choices, or the
   *   bytes that were already stored
   * @throws TriplineError `redis-unavailable`; some may have been stored
   */
  async putIfAbsent(decisions: readonly StoredDecision[]): Promise<readonly Uint8Array[]> {
    const limited = decisions.filter(({ takes }) => takes !== undefined);
    if (limited.length === 0) return this.#keepFree(decisions);
    const free = decisions.filter(({ takes }) => takes === undefined);
    // Sends both requests before waiting for either.
    const [keptFree, keptLimited] = await Promise.all([this.#keepFree(free), this.#keepLimited(limited)]);
    const [ofFree, ofLimited] = [keptFree.values(), keptLimited.values()];
    return decisions.flatMap(({ takes }) => (takes === undefined ? ofFree : ofLimited).next().value ?? []);
  }

  #keepFree(decisions: readonly StoredDecision[]): Promise<readonly Uint8Array[]> {
    return handleByGroup(
      this.#groups,
      decisions,
      ({ transactionId }) => transactionId,
      (some) => this.#keepGroup(some),
    );
  }

  async #keepGroup(decisions: readonly StoredDecision[]): Promise<readonly Uint8Array[]> {
    if (decisions.length === 0) return [];
    if (await this.#keepAll(decisions)) return decisions.map(({ bytes }) => bytes);
    const pipeline = this.#redis.pipeline();
    for (const { transactionId, bytes } of decisions) {
      const key = this.#keyOf(transactionId);
      addCommand(pipeline, "set", [key, bytes, "EX", `${this.#ttlSeconds}`, "NX", "GET"], key);
    }
    const before = outcomesOf(await requestRedis(() => pipeline.exec()), decisions.length);
    return decisions.map(({ transactionId, bytes }, index) => standingOf(transactionId, before[index]) ?? bytes);
  }

  /**
   * In a cluster, a tenant's budgets and its payments are in different slots. A payment that has a decision in its own
   * slot keeps it, and spends no budget. For the others, the first decision is chosen in the slot of the budgets, and
   * copied to the slot of the payment, where a decision without a budget that was stored in between still stands.
   */
  async #keepLimited(decisions: readonly StoredDecision[]): Promise<readonly Uint8Array[]> {
    if (this.#groups === ONE_GROUP) return this.#choose(decisions);
    const standing = await this.#readStanding(decisions);
    const open = decisions.filter((_decision, index) => standing[index] === undefined);
    const chosen = await handleByGroup(this.#groups, open, tenantOf, (some) => this.#choose(some));
    const kept = await this.#keepFree(
      chosen.map((bytes, index) => ({ transactionId: itemAt(open, index).transactionId, bytes })),
    );
    const ofOpen = kept.values();
    return standing.flatMap((bytes) => bytes ?? ofOpen.next().value ?? []);
  }

  #readStanding(decisions: readonly StoredDecision[]): Promise<readonly (Uint8Array | undefined)[]> {
    return handleByGroup(
      this.#groups,
      decisions,
      ({ transactionId }) => transactionId,
      async (some) => {
        const keys = some.map(({ transactionId }) => this.#keyOf(transactionId));
        const values = await requestRedis(() => this.#redis.mgetBuffer(keys));
        return some.map(({ transactionId }, index) => standingOf(transactionId, values[index]));
      },
    );
  }

  async #choose(decisions: readonly StoredDecision[]): Promise<Uint8Array[]> {
    const args = [KEEP_WITHIN_BUDGETS, ...keepArguments(decisions, this.#ttlSeconds, this.#groups)];
    const [, , key] = args;
    const kept = await requestRedis(() => sendEncoded(this.#redis, "eval", args, key?.toString()));
    return decisions.map((decision, index) => {
      const one: unknown = Array.isArray(kept) ? kept[index] : undefined;
      const bytes = typeof one === "number" ? choicesOf(decision)[one]?.bytes : standingOf(decision.transactionId, one);
      if (bytes === undefined)
        throw new TriplineError("redis-unavailable", "Redis returned an incomplete reply to the script");
      return bytes;
    });
  }

  /**
   * A fast path: usually, none of the payments has a decision yet, so one command is enough. @returns false if any of
   * them already has one
   */
  async #keepAll(decisions: readonly StoredDecision[]): Promise<boolean> {
    if (!(await requestRedis(() => this.#multiSet.isKnown()))) return false;
    // If two of the decisions were for the same payment, the command would store the last one.
    if (new Set(decisions.map(({ transactionId }) => transactionId)).size < decisions.length) return false;
    const entries = decisions.map(({ transactionId, bytes }) => ({ key: this.#keyOf(transactionId), value: bytes }));
    const args = multiSetArgs(entries, this.#ttlSeconds, "NX");
    return (await requestRedis(() => sendEncoded(this.#redis, "msetex", args, entries[0]?.key))) === 1;
  }

  #keyOf(transactionId: string): string {
    return decisionKey(transactionId, this.#groups);
  }

  /**
   * Replies to waiting callers, with one message per channel.
   *
   * @throws TriplineError `redis-unavailable`
   */
  async reply(replies: readonly Reply[]): Promise<void> {
    const channels = new Map<string, Uint8Array[]>();
    for (const { channel, bytes } of replies) {
      const known = channels.get(channel);
      if (known === undefined) channels.set(channel, [bytes]);
      else known.push(bytes);
    }
    const sending = [...channels].map(([channel, decisions]) => [channel, joinDecisions(decisions)]);
    await requestRedis(() => Promise.all(sending.map((args) => sendEncoded(this.#redis, "publish", args))));
  }
}

/** The earlier decision, if Redis returned one. */
function standingOf(transactionId: string, older: unknown): Uint8Array | undefined {
  if (!Buffer.isBuffer(older)) return undefined;
  assertDecisionOf(transactionId, older);
  return older;
}

/** The results of a pipeline whose commands must all have succeeded. */
function outcomesOf(results: PipelineResults, count: number): unknown[] {
  if (results?.length !== count)
    throw new TriplineError("redis-unavailable", "Redis returned an incomplete reply to the pipeline");
  return results.map(([error, value]) => {
    if (error !== null) throw asRedisError(error);
    return value;
  });
}

function assertDecisionOf(transactionId: string, bytes: Uint8Array): void {
  let found: string | undefined;
  try {
    found = Decision.decode(bytes).transactionId;
  } catch {
    found = undefined;
  }
  if (found === transactionId) return;
  throw new TriplineError(
    "state-unreadable",
    `The value of ${decisionKey(transactionId)} is not a decision for that payment.`,
  );
}
