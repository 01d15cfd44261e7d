import { splitDecisions } from "@tripline/contracts/decision-replies";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { REPLY_DECISION, REPLY_DECISIONS, REPLY_LABEL_APPLIED } from "@tripline/contracts/redis-keys";
import type { Logger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { FairShares } from "./fair-shares.js";
import { decodeDecision } from "./read-decisions.js";
import type { WaitingBound } from "./waiting-bound.js";

/** The result for an ID: the decision on a payment, or the confirmation that a label was applied. */
export type Reply = Decision | "label-applied";

export interface ReplyOptions {
  /** A separate connection, because a subscribed connection accepts no other commands. */
  readonly subscriber: Redis;
  readonly channel: string;
  /** Maximum number of IDs that are awaited concurrently. */
  readonly waitersMax: number;
  /** Receives the start and end of every wait. */
  readonly bound: WaitingBound;
  readonly logger: Logger;
  /** Returns the decisions for those payments that have been decided. */
  lookUp(ids: readonly string[]): Promise<ReadonlyMap<string, Decision>>;
}

/** Interval at which a payment is looked up if its result may go to another instance. */
const LOOK_UP_INTERVAL_MS = 50;
/**
 * Number of requests with an unseen token that are accepted while too many callers wait, so that new tenants can start:
 * 100 per second.
 */
const STRANGERS_PER_SLOT = 5;
const STRANGERS_SLOT_MS = 50;

/**
 * Passes results from this instance's reply channel to the requests that wait for them. Redis may lose a message if a
 * connection breaks, so an ID is also looked up at its timeout, and periodically while it is watched.
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

  /** Number of IDs that are currently awaited. */
  get size(): number {
    return this.#waiting.sum;
  }

  /**
   * Call it for each request that wants to wait. While too many wait, a tenant still gets its fair share.
   *
   * @param tenant undefined if the token has not been seen before; a few of these requests are accepted
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

  /** Limits unseen tokens, because anyone can invent one, and verifying it costs more than a rejection. */
  #isLetThrough(): boolean {
    const slot = Math.floor(performance.now() / STRANGERS_SLOT_MS);
    if (slot !== this.#strangersSlot) this.#strangersLeft = STRANGERS_PER_SLOT;
    this.#strangersSlot = slot;
    this.#strangersLeft -= 1;
    return this.#strangersLeft >= 0;
  }

  /** Name of the channel for results. */
  get channel(): string {
    return this.#options.channel;
  }

  /** Subscribes. Call it once, on a ready connection. */
  async start(): Promise<void> {
    const { subscriber, channel } = this.#options;
    subscriber.on("messageBuffer", (_channel: Buffer, message: Buffer) => this.#receive(message));
    await subscriber.subscribe(channel);
    // ioredis resubscribes after a disconnect; replies published in between must be looked up.
    subscriber.on("ready", () => this.#watch(this.#groups.keys()));
  }

  /**
   * Starts to listen for results. Call it before producing the events.
   *
   * @param ids distinct IDs; IDs of payments if `canLookUp` is set
   * @param waitMs how long `answers` waits from now on; negative if the time is already over in a busy process
   * @param tenant tenant of the request
   * @throws TriplineError `too-many-requests` if that would exceed `waitersMax`
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

  /** @throws TriplineError `too-many-requests` if `count` more would exceed `waitersMax`; `shutting-down` */
  private requireRoom(count: number, tenant: string): void {
    if (this.#isReleased)
      throw new TriplineError(
        "shutting-down",
        "This instance is shutting down. Send the request again; another instance will process it.",
      );
    if (this.#waiting.hasRoom(tenant, count, this.#options.waitersMax)) return;
    const detail = `Requests are already waiting for ${this.#waiting.sum} replies. Try again later, or omit the Prefer header.`;
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

  /** An unreadable message does not affect the others. */
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
      // The wait continues or ends with 202, because the payment is accepted even if Redis is down.
      this.#options.logger.warn({ err: error }, "could not look up decisions");
    }
  }
}

interface GroupHooks {
  watch(ids: readonly string[]): void;
  lookUp(ids: readonly string[]): Promise<void>;
  forget(id: string, group: ReplyGroup): void;
  /** @param isAnswered whether all results have arrived */
  ended(isAnswered: boolean): void;
}

interface AwaitedAnswers {
  /** Distinct IDs. */
  readonly ids: readonly string[];
  /** Whether these are payments, whose decisions can be looked up. */
  readonly canLookUp: boolean;
  readonly tenant: string;
}

/** The results that one request waits for. */
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

  /** Records a result, or stops waiting for this ID if there is none. */
  settle(id: string, reply?: Reply): void {
    if (!this.#pending.delete(id)) return;
    if (reply !== undefined) this.#answers.set(id, reply);
    this.hooks.forget(id, this);
    if (this.#pending.size === 0) this.expire();
  }

  /** Looks up these IDs periodically, because their results may go to another instance. */
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

  /** Stops waiting. Call it in every case, for example in `finally`. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.expire();
    this.hooks.ended(this.#pending.size === 0);
    for (const id of this.#pending) this.hooks.forget(id, this);
    this.#pending.clear();
  }
}
