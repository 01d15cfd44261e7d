import { randomUUID } from "node:crypto";
import type { OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import { Decision, Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { Finding } from "@tripline/decision-engine/rollouts/judge-trial";
import type { EventConsumer, Kafka, KafkaAdmin, RecordBatch } from "@tripline/kafka/port";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import type { RolloutState, StepName } from "./rollout-state.js";
import { GUARD } from "./rollout-state.js";
import type { Rollouts } from "./rollouts.js";
import { TrialWatch } from "./trial-watch.js";

/** How often rollouts are judged: a breach is found within a second of the payments that show it. */
const LOOK_MS = 1_000;
/** Of each partition: what a new instance knows of the time before it. */
const RECORDS_BEFORE = 2_000;
/** A candidate that scoring does not have by then, while payments come, is rolled back. */
const SERVED_MS_MAX = 60_000;
const MS_PER_S = 1_000;

export interface RolloutGuardOptions {
  readonly rollouts: Rollouts;
  readonly kafka: Kafka;
  readonly admin: KafkaAdmin;
  readonly logger: Logger;
}

/**
 * Watches what is decided while a model is rolled out, rolls it back when a guard finds a breach, and goes on with it where
 * that is wanted. Every instance of the service does so by itself, over all decisions: whichever makes a step first has made
 * it, since a step names the revision that it begins from. So none has to be elected, and none is missed.
 */
export class RolloutGuard implements OnModuleInit, OnApplicationShutdown {
  readonly #options: RolloutGuardOptions;
  /** By rollout. */
  #watches = new Map<string, TrialWatch>();
  #findings = new Map<string, readonly Finding[]>();
  #consumer: EventConsumer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #fault = "";
  #isTold = false;

  constructor(options: RolloutGuardOptions) {
    this.#options = options;
  }

  async onModuleInit(): Promise<void> {
    const { kafka, logger } = this.#options;
    this.#consumer = await kafka.consume({
      group: `control-guard-${randomUUID()}`,
      topics: [TOPICS.decisions.name, TOPICS.labels.name],
      positions: { begin: (topic, partition) => this.#begin(topic, partition), buried: () => {} },
      handle: async (batches) => {
        for (const batch of batches) this.#take(batch);
      },
      onStop: (error) => logger.fatal({ code: error.code }, `rollouts are no longer guarded: ${error.message}`),
    });
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    }, LOOK_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#consumer?.close();
  }

  /** What the guards found at their last look; empty for a rollout that is over. */
  findingsOf(rolloutId: string): readonly Finding[] {
    return this.#findings.get(rolloutId) ?? [];
  }

  async #begin(topic: string, partition: number): Promise<number> {
    const { admin } = this.#options;
    const [starts, ends] = await Promise.all([admin.startOffsets(topic), admin.endOffsets(topic)]);
    return Math.max(starts.get(partition) ?? 0, (ends.get(partition) ?? 0) - RECORDS_BEFORE);
  }

  #take({ topic, records }: RecordBatch): void {
    if (this.#watches.size === 0) return;
    const watches = [...this.#watches.values()];
    for (const { value } of records) {
      try {
        if (topic === TOPICS.labels.name) {
          const label = Label.decode(value);
          for (const watch of watches) watch.label(label);
        } else {
          const decision = Decision.decode(value);
          for (const watch of watches) watch.add(decision);
        }
      } catch (error) {
        // The archive, which reads the same records, makes it a dead letter.
        this.#options.logger.warn({ topic, err: error }, "a record cannot be read");
      }
    }
  }

  async #look(): Promise<void> {
    const { rollouts, logger } = this.#options;
    try {
      if (!this.#isTold) await rollouts.publishAgain();
      this.#isTold = true;
      await rollouts.publishPending();
      const open = await rollouts.open();
      this.#watches = new Map(open.map((state) => [state.rolloutId, this.#watchOf(state)]));
      this.#findings = new Map();
      for (const watch of this.#watches.values()) await this.#judge(watch);
      this.#fault = "";
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      // Once, however long it lasts.
      if (message !== this.#fault) logger.error({ code }, `rollouts cannot be guarded: ${message}`);
      this.#fault = message;
    }
  }

  #watchOf(state: RolloutState): TrialWatch {
    const known = this.#watches.get(state.rolloutId);
    return known?.state.revision === state.revision ? known : new TrialWatch(state);
  }

  async #judge(watch: TrialWatch): Promise<void> {
    const { state } = watch;
    const nowMs = Date.now();
    const findings = watch.judge(nowMs);
    this.#findings.set(state.rolloutId, findings);
    const breach = findings.find(({ isBreached }) => isBreached);
    if (breach !== undefined) return this.#step(state, "rollback", `${breach.guard}: ${breach.text}`);
    const passedMs = nowMs - state.changedAtMs;
    if (state.stage === "shadow" && watch.isServed === false && passedMs > SERVED_MS_MAX) {
      return this.#step(state, "rollback", `scoring did not serve the candidate within ${SERVED_MS_MAX / MS_PER_S} s`);
    }
    const why = state.isHeld ? undefined : whyGoOn(watch, findings, passedMs);
    if (why !== undefined) await this.#step(state, "advance", why);
  }

  async #step({ modelName, revision }: RolloutState, step: StepName, why: string): Promise<void> {
    try {
      await this.#options.rollouts.step(modelName, step, { why, expect_revision: revision }, GUARD);
    } catch (thrown) {
      // Another instance or a person was first.
      if (asTriplineError(thrown).code !== "rollout-conflict") throw thrown;
    }
  }
}

/** Why a rollout may go on by itself now; undefined where it may not. */
function whyGoOn({ state, isServed }: TrialWatch, findings: readonly Finding[], passedMs: number): string | undefined {
  const { stage, plan } = state;
  if (stage === "shadow" && isServed !== true) return undefined;
  if (stage === "shadow" && plan.begin_with === "canary") return "scoring serves the candidate";
  // Labels may take weeks.
  const isJudged = findings.every((finding) => finding.isJudged || finding.guard === "precision");
  const seconds = stage === "shadow" ? plan.shadow_seconds : plan.step_seconds;
  if (!plan.auto || !isJudged || passedMs < seconds * MS_PER_S) return undefined;
  return `no guard found anything in ${Math.round(passedMs / MS_PER_S)} s`;
}
