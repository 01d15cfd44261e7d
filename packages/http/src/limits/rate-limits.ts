import { counter } from "@tripline/telemetry/metrics";
import type { Caller } from "@tripline/tokens/verify-token";
import type { Cluster, Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { RateConfig } from "./rate-config.js";
import { RateLimited, WINDOW_SECONDS } from "./rate-limited.js";

const MS_PER_S = 1_000;
/** Share of a budget that an instance takes at a time. Each instance may exceed a limit by this much. */
const SHARE_PER_TAKE = 1 / 50;
/** Maximum number of budgets in memory. The oldest is evicted first; Redis still stores how much of it was spent. */
const BUDGETS_MAX = 10_000;

interface Limiter {
  consume(key: string, points: number): Promise<RateLimiterRes>;
}

interface Budget {
  readonly kind: "tenant" | "client";
  readonly key: string;
  readonly perSecond: number;
  /** Points that this instance may spend without a call to Redis; negative if it has overspent. */
  left: number;
  /** Until when `left` is valid. */
  endsAtMs: number;
  refusedUntilMs: number;
  isAsking: boolean;
}

/**
 * Rate limits of clients and tenants, shared by all instances. The budgets are in Redis. Each instance reserves
 * portions of them in advance, so that a request needs no round trip. Requests that arrive while a portion is being
 * fetched are accepted on credit. While Redis is unavailable, each instance applies the full budget on its own.
 */
export class RateLimits {
  readonly #budgets = new Map<string, Budget>();
  /** One limiter per budget size, in points. */
  readonly #shared = new Map<number, Limiter>();
  readonly #own = new Map<number, Limiter>();
  readonly #refused = counter("tripline_rate_limited_total", {
    description: "Requests rejected because a rate limit was exceeded, by type of limit",
    labels: ["budget"],
  });
  readonly #alone = counter("tripline_rate_limit_fallback_total", {
    description: "Shares of rate limits that an instance granted itself because Redis was unavailable",
  });

  /** @param redis absent for a service without Redis, in which case each instance counts separately */
  constructor(
    private readonly config: RateConfig,
    private readonly redis?: Redis | Cluster,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Takes from the budgets of a caller and its tenant.
   *
   * @param events number of events in the request
   * @throws RateLimited if either budget is used up; nothing is taken in that case
   */
  spend({ tenant, subject }: Pick<Caller, "tenant" | "subject">, events: number): void {
    const ofTenant = this.#budgetOf("tenant", tenant);
    const ofClient = this.#budgetOf("client", `${tenant}/${subject}`);
    const now = this.now();
    this.#require(ofClient, now);
    this.#require(ofTenant, now);
    this.#take(ofClient, events, now);
    this.#take(ofTenant, events, now);
  }

  #budgetOf(kind: Budget["kind"], name: string): Budget {
    const known = this.#budgets.get(name);
    if (known !== undefined) return known;
    const oldest = this.#budgets.keys().next().value;
    if (this.#budgets.size >= BUDGETS_MAX && oldest !== undefined) this.#budgets.delete(oldest);
    const { RATE_LIMIT_TENANT: tenants, RATE_LIMIT_CLIENT: clients, RATE_LIMIT_EXCEPTIONS: exceptions } = this.config;
    const perSecond = exceptions.get(name) ?? (kind === "tenant" ? tenants : clients);
    const budget = {
      kind,
      key: budgetKey(kind, name),
      perSecond,
      left: 0,
      endsAtMs: 0,
      refusedUntilMs: 0,
      isAsking: false,
    };
    this.#budgets.set(name, budget);
    return budget;
  }

  #require({ kind, perSecond, refusedUntilMs }: Budget, now: number): void {
    if (refusedUntilMs <= now) return;
    this.#refused.inc({ budget: kind });
    throw new RateLimited({ kind, perSecond, retryAfterMs: refusedUntilMs - now });
  }

  #take(budget: Budget, events: number, now: number): void {
    if (budget.perSecond === 0) return;
    if (budget.endsAtMs <= now && budget.left > 0) budget.left = 0;
    budget.left -= events;
    if (budget.left < partOf(budget) / 2 && !budget.isAsking) void this.#refill(budget);
  }

  /** Never rejects. */
  async #refill(budget: Budget): Promise<void> {
    budget.isAsking = true;
    try {
      let points = 0;
      // Repeats if callers have spent more in the meantime. Debt beyond a whole budget is taken from later windows.
      do {
        points = Math.min(pointsOf(budget), Math.max(0, -budget.left) + partOf(budget));
        const { msBeforeNext } = await this.#consume(budget, points);
        budget.left += points;
        budget.endsAtMs = this.now() + msBeforeNext;
      } while (budget.left < 0 && points < pointsOf(budget));
      if (budget.left < 0) budget.refusedUntilMs = budget.endsAtMs;
    } catch (refused) {
      const { msBeforeNext } = refused instanceof RateLimiterRes ? refused : { msBeforeNext: MS_PER_S };
      budget.refusedUntilMs = this.now() + msBeforeNext;
    } finally {
      budget.isAsking = false;
    }
  }

  async #consume(budget: Budget, points: number): Promise<RateLimiterRes> {
    const { redis } = this;
    const all = pointsOf(budget);
    const settings = { keyPrefix: "", points: all, duration: WINDOW_SECONDS };
    if (redis !== undefined) {
      try {
        const shared = cached(this.#shared, all, () => new RateLimiterRedis({ ...settings, storeClient: redis }));
        return await shared.consume(budget.key, points);
      } catch (error) {
        if (error instanceof RateLimiterRes) throw error;
        this.#alone.inc();
      }
    }
    return cached(this.#own, all, () => new RateLimiterMemory(settings)).consume(budget.key, points);
  }
}

/** Redis key of the points taken from a budget in the current 10 s window. */
export function budgetKey(kind: Budget["kind"], name: string): string {
  return `rate:${kind}:${name}`;
}

const pointsOf = ({ perSecond }: Budget): number => perSecond * WINDOW_SECONDS;

const partOf = (budget: Budget): number => Math.max(1, Math.floor(pointsOf(budget) * SHARE_PER_TAKE));

function cached(limiters: Map<number, Limiter>, points: number, make: () => Limiter): Limiter {
  const known = limiters.get(points);
  if (known !== undefined) return known;
  const made = make();
  limiters.set(points, made);
  return made;
}
