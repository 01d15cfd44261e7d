import { splitDecisions } from "@tripline/contracts/decision-replies";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { REPLY_DECISION, REPLY_DECISIONS, REPLY_LABEL_APPLIED } from "@tripline/contracts/redis-keys";
import type { Logger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { FairShares } from "./fair-shares.js";
import { decodeDecision } from "./read-decisions.js";
import type { WaitingBound } from "./waiting-bound.js";

/** The answer for an id: the decision of a payment, or that a label was applied. */
export type Reply = Decision | "label-applied";

export interface ReplyOptions {
  /** A separate connection: Redis takes no other commands on one that subscribes. */
  readonly subscriber: Redis;
  readonly channel: string;
  /** Ids that may be waited for at a time. */
  readonly waitersMax: number;
  /** Told of every request that waits. */
  readonly bound: WaitingBound;
  readonly logger: Logger;
  /** Which of these payments have been decided. */
  lookUp(ids: readonly string[]): Promise<ReadonlyMap<string, Decision>>;
}

/** How often a payment is looked up if its answer may go to another instance. */
const LOOK_UP_INTERVAL_MS = 50;
/** Requests with an unknown token that are let through while too many wait, so that a tenant can begin: 100 per second. */
const STRANGERS_PER_SLOT = 5;
const STRANGERS_SLOT_MS = 50;

/**
 * Gives the answers that arrive on this instance's reply channel to the requests that wait for them. Redis may lose a
 * message when a connection breaks, so an id is also looked up when its time is over, and while it is watched.
 */
export class ReplyWaiters {
  readonly #options: ReplyOptions;
  /** The groups that wait for each ID, almost always only one. */
  readonly #groups = new Map<string, ReplyGroup[]>();
  readonly #watched = new Set<string>();
  readonly #waiting = new FairShares();
  #strangersLeft = STRANGERS_PER_SLOT;
  #strangersSlot = 0;
  readonly #hooks: GroupHooks;
  #timer: NodeJS.Timeout | undefined;
  #isReleased = false;

  constructor(options: ReplyOptions) {
    this.#options = options;
    this.#hooks = {
      watch: (ids) => this.#watch(ids),
      lookUp: (ids) => this.#lookUp(ids),
      forget: (id, group) => this.#forget(id, group),
      ended: (isAnswered) => options.bound.end(isAnswered),
    };
  }

  /** Ids waited for right now. */
  get size(): number {
    return this.#waiting.sum;
  }

  /**
   * To be called for each request that wants to wait. While too many wait, a tenant may still have its fair part of the places.
   *
   * @param tenant undefined where the token has not been seen before: a few of these are let through
   * @returns whether it must be rejected
   */
  isTooMany(tenant: string | undefined): boolean {
    const { bound, waitersMax } = this.#options;
    const isOver = bound.isTooMany();
    const limit = this.#waiting.sum < waitersMax ? bound.limit : waitersMax;
    if (!isOver && limit < waitersMax) return false;
    if (tenant !== undefined) return !this.#waiting.hasRoom(tenant, 1, limit);
    return limit === waitersMax || !this.#isLetThrough();
  }

  /** Checking a token costs more than a rejection, and anybody can make one up. */
  #isLetThrough(): boolean {
    const slot = Math.floor(performance.now() / STRANGERS_SLOT_MS);
    if (slot !== this.#strangersSlot) this.#strangersLeft = STRANGERS_PER_SLOT;
    this.#strangersSlot = slot;
    this.#strangersLeft -= 1;
    return this.#strangersLeft >= 0;
  }

  /** Name of the channel on which answers arrive. */
  get channel(): string {
    return this.#options.channel;
  }

  /** Subscribes. To be called once, on a connection that is ready. */
  async start(): Promise<void> {
    const { subscriber, channel } = this.#options;
    subscriber.on("messageBuffer", (_channel: Buffer, message: Buffer) => this.#receive(message));
    await subscriber.subscribe(channel);
    // ioredis resubscribes after a disconnect; replies published in between must be looked up.
    subscriber.on("ready", () => this.#watch(this.#groups.keys()));
  }

  /**
   * Starts to listen for answers, before anything is sent that could be answered.
   *
   * @param ids all different; payments where `canLookUp` is set
   * @param waitMs how long `answers` waits, from now on; below 0 where the process was so busy that the time is over already
   * @param tenant whose request it is
   * @throws TriplineError `too-many-requests` when that would be more than `waitersMax`
   */
  open(ids: readonly string[], waitMs: number, canLookUp: boolean, tenant: string): ReplyGroup {
    this.requireRoom(ids.length, tenant);
    this.#waiting.add(tenant, ids.length);
    this.#options.bound.begin();
    const group = new ReplyGroup({ ids, canLookUp, tenant }, waitMs, this.#hooks);
    for (const id of ids) {
      const groups = this.#groups.get(id);
      if (groups === undefined) this.#groups.set(id, [group]);
      else groups.push(group);
    }
    return group;
  }

  /** Ends every wait immediately, so that callers get 202 while this instance can still respond. */
  release(): void {
    this.#isReleased = true;
    clearTimeout(this.#timer);
    for (const groups of this.#groups.values()) for (const group of groups) group.expire();
  }

  /** @throws TriplineError `too-many-requests` when `count` more would be more than `waitersMax`; `shutting-down` */
  private requireRoom(count: number, tenant: string): void {
    if (this.#isReleased) throw new TriplineError("shutting-down", "This instance is shutting down; try another.");
    if (this.#waiting.hasRoom(tenant, count, this.#options.waitersMax)) return;
    const detail = `Requests already wait for ${this.#waiting.sum} answers; try again in a moment, or send without Prefer.`;
    throw new TriplineError("too-many-requests", detail);
  }

  #receive(message: Buffer): void {
    const content = message.subarray(1);
    try {
      if (message[0] === REPLY_DECISION) this.#deliver(decodeDecision(content));
      else if (message[0] === REPLY_DECISIONS) this.#receiveAll(splitDecisions(content));
      else if (message[0] === REPLY_LABEL_APPLIED) this.#settle(content.toString("latin1"), "label-applied");
      else this.#options.logger.warn({ type: message[0] }, "ignored a reply of an unknown type");
    } catch (error) {
      this.#options.logger.error({ err: error }, "could not read a reply");
    }
  }

  /** One that cannot be read does not stop the others. */
  #receiveAll(decisions: readonly Buffer[]): void {
    for (const bytes of decisions) {
      try {
        this.#deliver(decodeDecision(bytes));
      } catch (error) {
        this.#options.logger.error({ err: error }, "could not read a reply");
      }
    }
  }

  #deliver(decision: Decision): void {
    this.#settle(decision.transactionId, decision);
  }

  #settle(id: string, reply: Reply): void {
    for (const group of [...(this.#groups.get(id) ?? [])]) group.settle(id, reply);
  }

  #forget(id: string, group: ReplyGroup): void {
    const groups = this.#groups.get(id) ?? [];
    const index = groups.indexOf(group);
    if (index === -1) return;
    groups.splice(index, 1);
    this.#waiting.add(group.tenant, -1);
    if (groups.length > 0) return;
    this.#groups.delete(id);
    this.#watched.delete(id);
  }

  #watch(ids: Iterable<string>): void {
    for (const id of ids) {
      const isPayment = this.#groups.get(id)?.some((group) => group.canLookUp);
      if (isPayment === true) this.#watched.add(id);
    }
    if (this.#watched.size > 0 && !this.#isReleased)
      this.#timer ??= setTimeout(() => void this.#poll(), LOOK_UP_INTERVAL_MS);
  }

  async #poll(): Promise<void> {
    await this.#lookUp([...this.#watched]);
    this.#timer = undefined;
    this.#watch([]);
  }

  async #lookUp(ids: readonly string[]): Promise<void> {
    try {
      for (const decision of (await this.#options.lookUp(ids)).values()) this.#deliver(decision);
    } catch (error) {
      // The wait continues or ends with 202: the payment is accepted even if Redis is down.
      this.#options.logger.warn({ err: error }, "could not look up decisions");
    }
  }
}

interface GroupHooks {
  watch(ids: readonly string[]): void;
  lookUp(ids: readonly string[]): Promise<void>;
  forget(id: string, group: ReplyGroup): void;
  /** @param isAnswered whether nothing is waited for any more */
  ended(isAnswered: boolean): void;
}

interface AwaitedAnswers {
  /** All different. */
  readonly ids: readonly string[];
  /** Whether they are payments, whose decisions can be looked up. */
  readonly canLookUp: boolean;
  readonly tenant: string;
}

/** The answers that one request waits for. */
export class ReplyGroup {
  readonly canLookUp: boolean;
  readonly tenant: string;
  readonly #pending: Set<string>;
  readonly #answers = new Map<string, Reply>();
  readonly #timer: NodeJS.Timeout;
  readonly #ended = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(
    { ids, canLookUp, tenant }: AwaitedAnswers,
    waitMs: number,
    private readonly hooks: GroupHooks,
  ) {
    this.canLookUp = canLookUp;
    this.tenant = tenant;
    this.#pending = new Set(ids);
    this.#timer = setTimeout(() => this.expire(), Math.max(waitMs, 0));
    if (this.#pending.size === 0) this.expire();
  }

  /** Takes an answer; without one, stops waiting for this id. */
  settle(id: string, reply?: Reply): void {
    if (!this.#pending.delete(id)) return;
    if (reply !== undefined) this.#answers.set(id, reply);
    this.hooks.forget(id, this);
    if (this.#pending.size === 0) this.expire();
  }

  /** Looks these ids up again and again, since their answers may have gone elsewhere. */
  watch(ids: readonly string[]): void {
    if (ids.length > 0) this.hooks.watch(ids);
  }

  expire(): void {
    clearTimeout(this.#timer);
    this.#ended.resolve();
  }

  /** Replies that arrived in time, by ID. Resolves when all have arrived or the time is over. */
  async answers(): Promise<ReadonlyMap<string, Reply>> {
    await this.#ended.promise;
    if (this.canLookUp && this.#pending.size > 0) await this.hooks.lookUp([...this.#pending]);
    this.close();
    return this.#answers;
  }

  /** Stops waiting. To be called on every way out. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.expire();
    this.hooks.ended(this.#pending.size === 0);
    for (const id of this.#pending) this.hooks.forget(id, this);
    this.#pending.clear();
  }
}
