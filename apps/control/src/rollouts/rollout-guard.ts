import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { Decision, Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { NO_AGREEMENT } from "@tripline/decision-engine/rollouts/agreement";
import type { Finding } from "@tripline/decision-engine/rollouts/finding";
import { judgePrecision } from "@tripline/decision-engine/rollouts/judge-precision";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { Verdicts } from "./alert-store.js";
import { AlertStore } from "./alert-store.js";
import type { FeedListener } from "./decision-feed.js";
import { DecisionFeed } from "./decision-feed.js";
import { PromotionWatch } from "./promotion-watch.js";
import { RegularLook } from "./regular-look.js";
import type { RolloutState, StepName } from "./rollout-state.js";
import { changeOf, GUARD, needsLabels, needsModelCard } from "./rollout-state.js";
import type { Permission } from "./rollouts.js";
import { Rollouts } from "./rollouts.js";
import { TrialWatch } from "./trial-watch.js";

/** Time for which a new champion is monitored after its promotion. */
const PROMOTION_WATCH_MS = 3_600_000;
/** If scoring has not loaded the candidate by then although payments arrive, it is rolled back. */
const SERVED_MS_MAX = 60_000;
const MS_PER_S = 1_000;
const NO_VERDICTS: Verdicts = { alerts: [], matureLabels: 0 };

/**
 * Monitors decisions during a rollout, rolls it back when a guard finds a breach, and advances it if it is automatic.
 * It continues for a while after a promotion. Every instance does so independently over all decisions. A step names the
 * revision it starts from, so only one of several concurrent steps succeeds and no leader is needed.
 */
@Injectable()
export class RolloutGuard extends RegularLook implements FeedListener {
  /** Keyed by rollout. */
  #watches = new Map<string, TrialWatch>();
  #promotions = new Map<string, PromotionWatch>();
  #findings = new Map<string, readonly Finding[]>();
  /** What was logged last about a candidate's model card, by rollout. */
  readonly #cardFaults = new Map<string, string>();
  readonly #known = Promise.withResolvers<void>();
  #isPublished = false;

  constructor(
    @Inject(Rollouts) private readonly rollouts: Rollouts,
    @Inject(AlertStore) private readonly alerts: AlertStore,
    @Inject(DecisionFeed) private readonly feed: Pick<DecisionFeed, "listen" | "isCaughtUp">,
    @Inject(LOGGER) logger: Logger,
  ) {
    super("rollouts", logger, () => this.#look());
    feed.listen(this);
  }

  get ready(): Promise<void> {
    return this.#known.promise;
  }

  get wantsDecisions(): boolean {
    return this.#watches.size + this.#promotions.size > 0;
  }

  get wantsLabels(): boolean {
    return this.#watches.size > 0;
  }

  decision(decision: Decision): void {
    for (const watch of this.#watches.values()) {
      watch.add(decision);
      this.alerts.add(watch.state, decision);
    }
    for (const watch of this.#promotions.values()) watch.add(decision);
  }

  label(label: Label): void {
    this.alerts.label(label);
  }

  /** The guards' latest findings; empty for a finished rollout. */
  findingsOf(rolloutId: string): readonly Finding[] {
    return this.#findings.get(rolloutId) ?? [];
  }

  async #look(): Promise<void> {
    const { rollouts } = this;
    await this.#learn();
    this.#known.resolve();
    if (!this.#isPublished) await rollouts.publishAgain();
    this.#isPublished = true;
    await rollouts.publishPending();
    // Not awaited, because a hanging registry must not stop the guards.
    void rollouts.finishRollbacks();
    const states = [...this.#watches.values()].map(({ state }) => state);
    try {
      await this.alerts.store(states, Date.now());
    } finally {
      // If storing failed, the guards still run, without the latest labels. The error is reported afterwards.
      await this.#judgeAll();
    }
  }

  async #judgeAll(): Promise<void> {
    this.#findings = new Map();
    for (const watch of this.#watches.values()) await this.#judge(watch);
    for (const watch of this.#promotions.values()) await this.#judgePromotion(watch);
  }

  /** Updates the set of rollouts to watch. */
  async #learn(): Promise<void> {
    const { rollouts } = this;
    const open = await rollouts.open();
    this.#watches = new Map(open.map((state) => [state.rolloutId, this.#watchOf(state)]));
    for (const id of this.#cardFaults.keys()) if (!this.#watches.has(id)) this.#cardFaults.delete(id);
    const promoted = await rollouts.promoted(PROMOTION_WATCH_MS);
    this.#promotions = new Map(
      promoted.map((one) => [
        one.state.rolloutId,
        this.#promotions.get(one.state.rolloutId) ?? new PromotionWatch(one),
      ]),
    );
  }

  #watchOf(state: RolloutState): TrialWatch {
    const known = this.#watches.get(state.rolloutId);
    return known?.state.revision === state.revision ? known : new TrialWatch(state, known);
  }

  async #judge(watch: TrialWatch): Promise<void> {
    const { state } = watch;
    const nowMs = Date.now();
    const verdicts = state.stage === "canary" ? await this.alerts.verdictsOf(state) : NO_VERDICTS;
    const { agreement = NO_AGREEMENT, plan } = state;
    const precision = judgePrecision(verdicts.alerts, verdicts.matureLabels, agreement, plan.guards);
    const findings = [...watch.judge(nowMs), ...(state.stage === "canary" ? [precision] : [])];
    this.#findings.set(state.rolloutId, findings);
    const breach = findings.find(({ isBreached }) => isBreached);
    if (breach !== undefined) return this.#step(state, "rollback", `${breach.guard}: ${breach.text}`);
    // While the feed is catching up, only some of the decisions are known.
    if (!this.feed.isCaughtUp) return;
    const watchedMs = await this.rollouts.watched(state, watch.measure);
    if (state.stage === "shadow" && watch.isServed === false && watchedMs > SERVED_MS_MAX) {
      return this.#step(state, "rollback", `scoring did not serve the candidate within ${SERVED_MS_MAX / MS_PER_S} s`);
    }
    const cards = await this.#findCardFault(state);
    this.#findings.set(state.rolloutId, [...findings, ...cards]);
    if (state.isHeld || cards.length > 0) return;
    const why = whyGoOn(watch, findings, verdicts.matureLabels, watchedMs);
    if (why !== undefined) await this.#step(state, "advance", why);
  }

  /** A finding if the candidate's model card prevents the next step. A persistent fault is logged once. */
  async #findCardFault(state: RolloutState): Promise<readonly Finding[]> {
    const { rolloutId, modelName: model } = state;
    const change = changeOf("advance", state);
    const allowed: Permission = needsModelCard(change, state) ? await this.rollouts.permissionFor(state, change) : {};
    if (!("why" in allowed)) {
      this.#cardFaults.delete(rolloutId);
      return [];
    }
    const { why: text } = allowed;
    if (this.#cardFaults.get(rolloutId) !== text) this.logger.warn({ model }, text);
    this.#cardFaults.set(rolloutId, text);
    return [{ guard: "model-card", isJudged: false, isBreached: false, text }];
  }

  async #judgePromotion(watch: PromotionWatch): Promise<void> {
    const { state } = watch;
    const findings = watch.judge(Date.now());
    this.#findings.set(state.rolloutId, findings);
    const breach = findings.find(({ isBreached }) => isBreached);
    if (breach !== undefined)
      await this.#step(state, "rollback", `after the promotion, ${breach.guard}: ${breach.text}`);
  }

  async #step({ modelName, revision }: RolloutState, step: StepName, why: string): Promise<void> {
    try {
      await this.rollouts.step(
        modelName,
        step,
        { why, expect_revision: revision },
        { subject: GUARD, kind: "service" },
      );
    } catch (thrown) {
      // Another instance or a user was first.
      if (asTriplineError(thrown).code !== "rollout-conflict") throw thrown;
    }
  }
}

/** The reason why a rollout can now advance automatically; undefined if it cannot. */
function whyGoOn(
  { state, isServed }: TrialWatch,
  findings: readonly Finding[],
  matureLabels: number,
  watchedMs: number,
): string | undefined {
  const { stage, plan } = state;
  if (needsLabels(changeOf("advance", state), state) && matureLabels < plan.guards.mature_labels_min) return undefined;
  if (stage === "shadow" && isServed !== true) return undefined;
  if (stage === "shadow" && plan.begin_with === "canary") return "scoring serves the candidate";
  // At small shares, do not wait for the precision guard, because labels may take weeks.
  const isJudged = findings.every((finding) => finding.isJudged || finding.guard === "precision");
  const seconds = stage === "shadow" ? plan.shadow_seconds : plan.step_seconds;
  if (!plan.auto || !isJudged || watchedMs < seconds * MS_PER_S) return undefined;
  return `no guard detected a breach in ${Math.round(watchedMs / MS_PER_S)} s of monitoring`;
}
