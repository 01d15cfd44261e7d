import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { MixGuard } from "@tripline/decision-engine/policy";
import { guardInEffect } from "@tripline/decision-engine/rollouts/guard-in-effect";
import { judgeMix } from "@tripline/decision-engine/rollouts/judge-trial";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { counter } from "@tripline/telemetry/metrics";
import { RegularLook } from "../rollouts/regular-look.js";
import { GUARD } from "../rollouts/rollout-state.js";
import type { WatchedActivation } from "./activation-store.js";
import { ActivationStore } from "./activation-store.js";
import type { ActivationWatch } from "./activation-watch.js";
import { beginWatch, mixesOf, readWatch } from "./activation-watch.js";
import { PolicyChecks } from "./policy-checks.js";
import { PolicyPublisher } from "./policy-publisher.js";
import { PolicyStore } from "./policy-store.js";
import { SeenDecisions } from "./seen-decisions.js";

const MS_PER_S = 1_000;
/** Minimum uptime before an instance ends a watch. Until then, it may not have read all decisions. */
const LOOKED_MS_MIN = 60_000;

/** The state of a watch, with the version of its policy. */
interface Watch {
  readonly version: string | null;
  readonly kept: ActivationWatch;
}

/**
 * Monitors outcomes after every activation, except a return to an accepted policy, and rolls back to the newest policy
 * that was not rolled back if the mix changes by more than the guard allows. Every instance does so independently; an
 * activation names its predecessor, so only one of two concurrent rollbacks succeeds.
 */
@Injectable()
export class PolicyGuard extends RegularLook {
  readonly #startedAtMs = Date.now();
  /** Keyed by tenant and activation. */
  #watches = new Map<string, Watch>();
  readonly #returns = counter("tripline_control_policy_returns_total", {
    description: "Policy activations rolled back because the mix of outcomes changed too much",
  });

  constructor(
    @Inject(SeenDecisions) private readonly seen: Pick<SeenDecisions, "of">,
    @Inject(ActivationStore) private readonly activations: ActivationStore,
    @Inject(PolicyStore) private readonly policies: Pick<PolicyStore, "revision">,
    @Inject(PolicyPublisher) private readonly publisher: PolicyPublisher,
    @Inject(PolicyChecks) private readonly checks: Pick<PolicyChecks, "guardOf">,
    @Inject(LOGGER) logger: Logger,
  ) {
    super("policies", logger, () => this.#judgeAll());
  }

  async #judgeAll(): Promise<void> {
    const watches = new Map<string, Watch>();
    for (const activation of await this.activations.watched()) {
      const key = `${activation.tenant}/${activation.activation}`;
      const watch = this.#watches.get(key) ?? (await this.#watchOf(activation));
      if (watch !== undefined) watches.set(key, await this.#judge(activation, watch));
    }
    this.#watches = watches;
  }

  async #watchOf({ tenant, activation }: WatchedActivation): Promise<Watch | undefined> {
    const { activations } = this;
    const past = (await activations.past(tenant)).filter((one) => one.activation <= activation);
    const [before, now] = [past.at(-2), past.at(-1)];
    if (now?.activation !== activation) return undefined;
    const guard = await this.#guardOf(tenant, before?.revision ?? now.revision);
    const kept = readWatch(now.watch) ?? beginWatch(past, guard);
    return kept && { version: now.version, kept };
  }

  /**
   * The guard of the previous policy, so that a draft cannot remove it. If the previous policy is unknown, the guard of
   * the new one.
   */
  async #guardOf(tenant: string, revision: number | null): Promise<MixGuard> {
    if (revision === null) return guardInEffect(undefined);
    const { checks, policies } = this;
    return guardInEffect(await checks.guardOf(tenant, (await policies.revision(tenant, revision)).text));
  }

  /** @returns the watch with its updated baseline */
  async #judge(activation: WatchedActivation, { version, kept }: Watch): Promise<Watch> {
    const { tenant, revision, activatesAtMs } = activation;
    const { before, after } = mixesOf(this.seen.of(tenant), { tenant, revision, version }, kept);
    const watch = { version, kept: { ...kept, before } };
    if (kept.before === null || before.cards > kept.before.cards) {
      await this.activations.keepWatch(activation, watch.kept);
    }
    const { isBreached, guard: name, text } = judgeMix(before, after, kept.guard);
    if (isBreached) await this.#goBack(activation, `${name}: ${text}`);
    else if (this.#hasLooked() && Date.now() > activatesAtMs + kept.guard.watchSeconds * MS_PER_S) {
      await this.activations.endWatch(activation);
    }
    return watch;
  }

  #hasLooked(): boolean {
    return Date.now() > this.#startedAtMs + LOOKED_MS_MIN;
  }

  async #goBack({ tenant, newest, activation, revision }: WatchedActivation, why: string): Promise<void> {
    const { activations, publisher, logger } = this;
    try {
      const made = await activations.goBack({ tenant, actor: GUARD, actorKind: "service" }, newest, why);
      this.#returns.inc();
      logger.warn({ tenant, activation, revision, to: made.revision, why }, "a policy was rolled back");
    } catch (thrown) {
      // Another instance or a user was first.
      if (asTriplineError(thrown).code !== "changed-meanwhile") throw thrown;
      return;
    }
    await publisher.publish();
  }
}
