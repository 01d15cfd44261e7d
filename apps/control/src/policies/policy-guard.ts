import type { OnModuleInit } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { MixGuard } from "@tripline/decision-engine/policy";
import { judgeMix } from "@tripline/decision-engine/rollouts/judge-trial";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { counter } from "@tripline/service-kit/telemetry/metrics";
import type { DecisionFeed, FeedListener } from "../rollouts/decision-feed.js";
import { RegularLook } from "../rollouts/regular-look.js";
import { GUARD } from "../rollouts/rollout-state.js";
import type { PolicyChecks } from "./policy-checks.js";
import type { PolicyPublisher } from "./policy-publisher.js";
import type { PolicyStore, WatchedActivation } from "./policy-store.js";

/** Of all tenants; the oldest are forgotten. About 20 MB. */
const DECISIONS_MAX = 50_000;
/** The longest that a policy may ask to be watched. */
const WATCH_SECONDS_MAX = 86_400;
const MS_PER_S = 1_000;

interface Seen {
  readonly tenant: string;
  readonly cardToken: string;
  readonly outcome: Outcome;
  readonly decidedAtMs: number;
  readonly policyVersion: string;
  readonly policyRevision: number;
}

/** What it takes to judge an activation. */
interface Watch {
  readonly guard: MixGuard | undefined;
  readonly version: string;
  /** Of what was in force before; undefined for no revision of the tenant's own. */
  readonly versionBefore: string | undefined;
}

export interface PolicyGuardOptions {
  readonly feed: Pick<DecisionFeed, "listen">;
  readonly store: PolicyStore;
  readonly publisher: PolicyPublisher;
  readonly checks: Pick<PolicyChecks, "guardOf">;
  readonly logger: Logger;
}

/**
 * Watches the outcomes after a revision was put in force that was never in force before, and goes back to what was in force when the
 * mix changes by more than the policy's guard allows. Every instance does so by itself; an activation names the one that it
 * follows, so of two that go back at once one does.
 */
export class PolicyGuard implements FeedListener, OnModuleInit {
  readonly wantsDecisions = true;
  readonly wantsLabels = false;
  readonly #options: PolicyGuardOptions;
  readonly #look: RegularLook;
  /** By payment, so that a decision that is on the topic twice counts once; in the order in which they came. */
  readonly #seen = new Map<string, Seen>();
  /** By tenant and activation. */
  #watches = new Map<string, Watch>();
  readonly #returns = counter("tripline_control_policy_returns_total", {
    description: "Activations of policies that were taken back because the mix of outcomes changed too much",
  });

  constructor(options: PolicyGuardOptions) {
    this.#options = options;
    this.#look = new RegularLook("policies", options.logger, () => this.#judgeAll());
    options.feed.listen(this);
  }

  onModuleInit(): void {
    this.#look.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.#look.close();
  }

  decision({ transactionId, ...decision }: Decision): void {
    if (this.#seen.has(transactionId)) return;
    const { tenant, cardToken, outcome, decidedAtMs, policyVersion, policyRevision } = decision;
    this.#seen.set(transactionId, { tenant, cardToken, outcome, decidedAtMs, policyVersion, policyRevision });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > DECISIONS_MAX && oldest !== undefined) this.#seen.delete(oldest);
  }

  label(): void {
    // Labels come too late for it.
  }

  async #judgeAll(): Promise<void> {
    const watched = await this.#options.store.watched(WATCH_SECONDS_MAX);
    const watches = new Map<string, Watch>();
    for (const activation of watched) {
      const key = `${activation.tenant}/${activation.activation}`;
      const watch = this.#watches.get(key) ?? (await this.#watchOf(activation));
      watches.set(key, watch);
      await this.#judge(activation, watch);
    }
    this.#watches = watches;
  }

  /** By the guard of the policy before, so that no draft can do without; where that has none, by the new one's own. */
  async #watchOf({ tenant, revision, before }: WatchedActivation): Promise<Watch> {
    const { store, checks } = this.#options;
    const now = await store.revision(tenant, revision);
    const old = before === null ? undefined : await store.revision(tenant, before);
    return {
      guard: (old && (await checks.guardOf(tenant, old.text))) ?? (await checks.guardOf(tenant, now.text)),
      version: now.version,
      versionBefore: old?.version,
    };
  }

  async #judge(activation: WatchedActivation, { guard, version, versionBefore }: Watch): Promise<void> {
    const { tenant, revision, activatesAtMs } = activation;
    if (guard === undefined || Date.now() > activatesAtMs + guard.watchSeconds * MS_PER_S) return;
    const fromMs = activatesAtMs - guard.watchSeconds * MS_PER_S;
    const [before, after]: [Seen[], Seen[]] = [[], []];
    for (const one of this.#seen.values()) {
      if (tenant !== "" && one.tenant !== tenant) continue;
      if (one.policyVersion === version && one.policyRevision === revision) after.push(one);
      else if (one.decidedAtMs < fromMs || one.decidedAtMs >= activatesAtMs) continue;
      else if (tenant !== "" || isOfAll(one, versionBefore)) before.push(one);
    }
    const { isBreached, guard: name, text } = judgeMix(before, after, guard);
    if (isBreached) await this.#goBack(activation, `${name}: ${text}`);
  }

  async #goBack({ tenant, before, newest, activation, revision }: WatchedActivation, why: string): Promise<void> {
    const { store, publisher, logger } = this.#options;
    const by = { tenant, actor: GUARD, actorKind: "service" } as const;
    try {
      await store.activate(by, { revision: before, after: newest, at: undefined, isWatched: false, note: why });
    } catch (thrown) {
      // Another instance or a person was first.
      if (asTriplineError(thrown).code !== "changed-meanwhile") throw thrown;
      return;
    }
    this.#returns.inc();
    logger.warn({ tenant, activation, revision, before, why }, "a policy was taken back");
    await publisher.publish();
  }
}

/** Decided by what held for tenants without a policy of their own: a revision, or else the file. */
function isOfAll({ policyVersion, policyRevision }: Seen, version: string | undefined): boolean {
  return version === undefined ? policyRevision === 0 : policyVersion === version;
}
