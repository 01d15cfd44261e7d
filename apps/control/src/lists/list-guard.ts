import { Inject, Injectable } from "@nestjs/common";
import { DEFAULT_GUARD } from "@tripline/decision-engine/rollouts/guard-in-effect";
import { judgeMix } from "@tripline/decision-engine/rollouts/judge-trial";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { counter } from "@tripline/telemetry/metrics";
import { SeenDecisions } from "../policies/seen-decisions.js";
import { RegularLook } from "../rollouts/regular-look.js";
import { GUARD } from "../rollouts/rollout-state.js";
import { ListPublisher } from "./list-publisher.js";
import { beginListWatch, mixesAround } from "./list-watch.js";
import type { WatchedEntries } from "./list-watches.js";
import { ListWatches } from "./list-watches.js";

const MS_PER_S = 1_000;
/** Minimum uptime before an instance ends a watch. Until then, it may not have read all decisions. */
const LOOKED_MS_MIN = 60_000;

/**
 * After list entries that affect many payments are added, monitors the tenant's outcomes. Withdraws the entries if the
 * mix of outcomes changes by more than the default policy guard allows. Every instance does so independently. The
 * second of two concurrent withdrawals finds no entries.
 */
@Injectable()
export class ListGuard extends RegularLook {
  readonly #startedAtMs = Date.now();
  readonly #returns = counter("tripline_control_list_returns_total", {
    description: "List entries withdrawn because the mix of outcomes changed too much",
  });

  constructor(
    @Inject(SeenDecisions) private readonly seen: Pick<SeenDecisions, "of">,
    @Inject(ListWatches) private readonly watches: ListWatches,
    @Inject(ListPublisher) private readonly publisher: Pick<ListPublisher, "publish">,
    @Inject(LOGGER) logger: Logger,
  ) {
    super("lists", logger, () => this.#judgeAll());
  }

  async #judgeAll(): Promise<void> {
    const breached = new Set<string>();
    for (const entries of await this.watches.open()) {
      if (!breached.has(entries.tenant) && (await this.#judge(entries))) breached.add(entries.tenant);
    }
  }

  /** @returns whether the entries were withdrawn */
  async #judge(entries: WatchedEntries): Promise<boolean> {
    const { seen, watches } = this;
    const { tenant, beganAtMs, inherited } = entries;
    const watch = entries.watch ?? beginListWatch(beganAtMs, inherited, DEFAULT_GUARD);
    const { before, after } = mixesAround(seen.of(tenant), beganAtMs, watch);
    if (entries.watch === undefined || before.cards > (entries.watch.before?.cards ?? 0)) {
      await watches.keep(entries, { ...watch, before });
    }
    const { isBreached, guard, text } = judgeMix(before, after, watch.guard);
    if (isBreached) {
      await this.#withdraw(tenant, `${guard}: ${text}`);
      return true;
    }
    const nowMs = Date.now();
    const hasLooked = nowMs > this.#startedAtMs + LOOKED_MS_MIN;
    if (hasLooked && nowMs > beganAtMs + watch.guard.watchSeconds * MS_PER_S) await watches.end(entries);
    return false;
  }

  async #withdraw(tenant: string, why: string): Promise<void> {
    const { watches, publisher, logger } = this;
    const count = await watches.withdraw({ tenant, actor: GUARD, actorKind: "service" }, why);
    if (count === 0) return;
    this.#returns.inc(count);
    logger.warn({ tenant, entries: count, why }, "list entries were withdrawn");
    await publisher.publish();
  }
}
