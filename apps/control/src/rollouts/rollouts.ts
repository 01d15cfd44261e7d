import { randomBytes } from "node:crypto";
import type { OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { Rollout, RolloutStage } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TABLES } from "@tripline/contracts/topics";
import { agreementOf } from "@tripline/decision-engine/rollouts/agreement";
import type { EventProducer } from "@tripline/kafka/port";
import type { ModelVersion, MoveOptions, RecordingRegistry } from "@tripline/model-registry/model-registry";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { counter, gauge } from "@tripline/telemetry/metrics";
import { z } from "zod";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { LimitStore } from "../models/limit-store.js";
import { whyNotPromoted } from "../models/model-contract.js";
import type { PromotionLimits } from "../models/promotion-limits.js";
import { whyOutside } from "../models/promotion-limits.js";
import { VersionStore } from "../models/version-store.js";
import { AlertStore } from "./alert-store.js";
import { byHand, offlineOf } from "./offline-comparison.js";
import type { RolloutPlan, StartRequest, StepRequest } from "./rollout-plan.js";
import { basisPoints, percentOf, UNPROVEN_BASIS_POINTS_MAX } from "./rollout-plan.js";
import type { Change, RolloutState, Stage, StepMaker, StepName } from "./rollout-state.js";
import { changeOf, describeStage, GUARD, hasManyCards, needsLabels, needsModelCard } from "./rollout-state.js";
import type { MeasuredChampion, PromotedRollout, RecordedStep } from "./rollout-store.js";
import { RolloutStore } from "./rollout-store.js";

export const CHAMPION_ALIAS = "champion";
/** Scoring serves this alias's model next to the champion. Without a candidate, the alias names the champion. */
const CANDIDATE_ALIAS = "candidate";

const UNDONE: StepRequest = { why: "the champion alias was moved back in the registry" };

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
const MS_PER_S = 1_000;

const STAGES: Readonly<Record<Stage, RolloutStage>> = {
  shadow: RolloutStage.SHADOW,
  canary: RolloutStage.CANARY,
  champion: RolloutStage.CHAMPION,
  "rolled-back": RolloutStage.ROLLED_BACK,
};

/** A `RecordingRegistry`. */
export const MODEL_REGISTRY = Symbol("MODEL_REGISTRY");

/** `why` a candidate must not get a larger share; `limits` if only the limits for automatic promotion allow it. */
export type Permission = { readonly why: string } | { readonly limits?: PromotionLimits };

/** Starts rollouts and makes their steps: first in the registry, then in Postgres, then on the topic. */
@Injectable()
export class Rollouts implements OnApplicationShutdown {
  readonly #steps = counter("tripline_control_rollout_steps_total", {
    description: "Steps of model rollouts, by whether the guard or a user made them",
    labels: ["step", "by"],
  });

  /** The time of the next call to the registry, by rollout. */
  readonly #attempts = new Map<string, { readonly waitMs: number; readonly nextAtMs: number }>();
  #pendingSinceMs: number | undefined;
  #finishing: Promise<void> | undefined;
  readonly #unwatch = gauge(
    "tripline_control_rollback_pending_seconds",
    { description: "Age of the oldest model rollback that has not reached the registry yet; 0 if there is none" },
    () => (this.#pendingSinceMs === undefined ? 0 : (Date.now() - this.#pendingSinceMs) / MS_PER_S),
  );

  constructor(
    @Inject(RolloutStore) private readonly store: RolloutStore,
    @Inject(AlertStore) private readonly alerts: Pick<AlertStore, "matureLabels">,
    @Inject(VersionStore)
    private readonly versions: Pick<VersionStore, "comparisonOf" | "contractOf" | "signByLimits" | "removeSignature">,
    @Inject(LimitStore) private readonly limits: Pick<LimitStore, "of" | "pastOf">,
    @Inject(MODEL_REGISTRY) private readonly registry: RecordingRegistry,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "MODEL_CARDS_REQUIRED">,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  list(): Promise<RolloutState[]> {
    return this.store.list();
  }

  open(): Promise<RolloutState[]> {
    return this.store.open();
  }

  /** See `RolloutStore`. */
  promoted(withinMs: number): Promise<PromotedRollout[]> {
    return this.store.promoted(withinMs);
  }

  /** See `RolloutStore`. */
  watched(state: RolloutState, measure: MeasuredChampion | undefined): Promise<number> {
    return this.store.watched(state, measure);
  }

  /** @throws TriplineError `rollout-not-found` */
  async newest(modelName: string): Promise<{ state: RolloutState; steps: RecordedStep[] }> {
    const state = await this.store.newest(modelName);
    return { state, steps: await this.store.steps(state.rolloutId) };
  }

  /**
   * @throws TriplineError `model-not-found`, `model-refused` or `spec-mismatch` for an unsuitable candidate;
   *   `comparison-missing` if it was not compared with the champion; `rollout-conflict` while another rollout is open
   */
  async start(request: StartRequest, maker: StepMaker): Promise<RolloutState> {
    const { subject: by, kind: changedByKind } = maker;
    const { store, registry } = this;
    const { model: modelName, candidate: asked, why, without_comparison: isUncompared, ...plan } = request;
    const isUndone = await store.isUndone(modelName, await registry.aliasTarget(modelName, CHAMPION_ALIAS));
    if (isUndone) await this.step(modelName, "rollback", UNDONE, maker);
    // Otherwise, a pending rollback would later take the alias from the new candidate.
    const left = (await store.registryPending()).filter((state) => state.modelName === modelName);
    for (const state of left) await this.#restoreAliases(state);
    const champion = await registry.resolve(modelName, CHAMPION_ALIAS);
    const candidate = await registry.resolve(modelName, asked);
    refuseOther(champion, candidate);
    const compared = await this.#comparisonOf(candidate, champion.version);
    if (compared.offline === undefined && !isUncompared) refuseUncompared(candidate, champion);
    const open = (await store.open()).find((state) => state.modelName === modelName);
    if (open !== undefined) refuseSecond(open);
    const nowMs = Date.now();
    const state: RolloutState = {
      rolloutId: `rol_${randomBytes(8).toString("hex")}`,
      modelName,
      candidateVersion: candidate.version,
      championVersion: champion.version,
      plan: withLabelDays(plan, candidate),
      ...compared,
      stage: "shadow",
      canaryBasisPoints: 0,
      shadowBasisPoints: basisPoints(plan.shadow_percent),
      isHeld: false,
      isRegistryPending: false,
      revision: 1,
      startedAtMs: nowMs,
      changedAtMs: nowMs,
      changedBy: by,
      changedByKind,
      why,
    };
    await store.insert(state);
    try {
      // Done only after the row is stored, because it could otherwise replace the candidate of a concurrent rollout.
      await registry.setAlias(modelName, CANDIDATE_ALIAS, candidate.version, { by, why });
    } catch (error) {
      await this.step(modelName, "rollback", { why: "the registry did not accept the alias of the candidate" }, maker);
      throw error;
    }
    return this.#made(state, "start");
  }

  /**
   * @throws TriplineError `rollout-not-found`; `rollout-conflict` if it has ended, its revision has changed or its model
   *   card does not allow more cards; what the registry throws for a promotion
   */
  async step(modelName: string, step: StepName, { why, expect_revision: expected }: StepRequest, maker: StepMaker) {
    const { subject: by, kind: changedByKind } = maker;
    const { store, registry } = this;
    const state = await store.step(modelName, step, async (found, transaction) => {
      if (expected !== undefined && found.revision !== expected) {
        throw new TriplineError(
          "rollout-conflict",
          `${found.changedBy} changed the rollout of ${modelName} to ${describeStage(found)} at ` +
            `${new Date(found.changedAtMs).toISOString()}. Reload it first.`,
        );
      }
      const change = changeOf(step, found);
      if (step === "rollback" && found.stage === "champion") await requireRevertible(registry, found);
      if (needsLabels(change, found)) await this.#requireLabels(found);
      const key = { model: modelName, version: found.candidateVersion };
      const author = { tenant: "", actor: by, actorKind: changedByKind };
      if (needsModelCard(change, found)) {
        const allowed = await this.permissionFor(found, change);
        if ("why" in allowed) throw new TriplineError("rollout-conflict", allowed.why);
        if (change.stage === "champion" && allowed.limits !== undefined) {
          await this.versions.signByLimits(transaction, key, allowed.limits, author);
        }
      }
      if (step === "rollback" && hasManyCards(found)) await this.versions.removeSignature(transaction, key, author);
      if (change.stage === "champion") await promote(registry, found, { by, why });
      return {
        ...found,
        ...change,
        revision: found.revision + 1,
        changedAtMs: Date.now(),
        changedBy: by,
        changedByKind,
        why,
      };
    });
    await this.#made(state, step);
    if (state.isRegistryPending) await this.#tryRestoring(state);
    return state;
  }

  /**
   * Whether the candidate may get a larger share. Without a valid model card, it must be within the promotion limits.
   *
   * @returns the reason why it must not, and how to continue; or the limits, if it has no model card but is within them
   */
  async permissionFor(state: RolloutState, change: Change): Promise<Permission> {
    const { modelName: model, candidateVersion: version } = state;
    const [contract, limits] = await Promise.all([this.versions.contractOf({ model, version }), this.limits.of(model)]);
    const nowMs = Date.now();
    const isRequired = this.config.MODEL_CARDS_REQUIRED || limits !== undefined;
    const why = whyNotPromoted(contract, { version, nowMs, isRequired });
    if (why === undefined) return {};
    // Once a user has registered a model card, only a user can sign it.
    const hasLimits = contract === undefined && limits !== undefined;
    const outside = hasLimits
      ? whyOutside(limits, await this.limits.pastOf(model, limits), state, change, nowMs)
      : undefined;
    if (hasLimits && outside === undefined) return { limits };
    const percent = percentOf(UNPROVEN_BASIS_POINTS_MAX);
    const text = `${model} ${version} cannot get more cards: above ${percent} %, it needs a valid model card. ${why}`;
    return { why: outside === undefined ? text : `${text} ${outside}` };
  }

  /** From the manifest of a retrained version, or else stored for a version that was registered by hand. */
  async #comparisonOf({ name, version, manifest: { metrics } }: ModelVersion, champion: string) {
    const stored = await this.versions.comparisonOf({ model: name, version });
    return {
      agreement: agreementOf(metrics, champion) ?? (stored?.champion === champion ? stored.agreement : undefined),
      offline: offlineOf(metrics, champion) ?? byHand(stored, champion),
    };
  }

  /** @throws TriplineError `rollout-conflict` if the candidate has too few mature labels of its own */
  async #requireLabels(state: RolloutState): Promise<void> {
    const { mature_labels_min: wanted } = state.plan.guards;
    const found = await this.alerts.matureLabels(state);
    if (found >= wanted) return;
    throw new TriplineError(
      "rollout-conflict",
      `The candidate may decide for at most 5 % of the cards until ${wanted} of its own alerts have mature labels; so far, ` +
        `${found} have. To roll it out sooner, start a rollout with a lower mature_labels_min.`,
    );
  }

  /** Retries alias moves of rollbacks that failed in the registry, with increasing delays. Never rejects. */
  finishRollbacks(): Promise<void> {
    this.#finishing ??= this.#finishRollbacks()
      .catch((error: unknown) => this.logger.error({ err: error }, "rollbacks could not be completed"))
      .finally(() => {
        this.#finishing = undefined;
      });
    return this.#finishing;
  }

  async #finishRollbacks(): Promise<void> {
    const pending = await this.store.registryPending();
    const nowMs = Date.now();
    this.#pendingSinceMs = pending[0]?.changedAtMs;
    for (const state of pending) {
      const attempt = this.#attempts.get(state.rolloutId);
      if (attempt === undefined || attempt.nextAtMs <= nowMs) await this.#tryRestoring(state);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.#unwatch();
    await this.#finishing;
  }

  /** Republishes the stage of each model's rollout. */
  publishAgain(): Promise<void> {
    return this.store.publishAgain();
  }

  /** Publishes whatever is missing from the topic after a crash or a Kafka outage. */
  async publishPending(): Promise<void> {
    const { store, producer } = this;
    await store.publishPending((states) => producer.send(states.map(toRecord)));
  }

  async #made(state: RolloutState, step: string): Promise<RolloutState> {
    const { modelName: model, candidateVersion: candidate, changedBy: by, why, revision } = state;
    this.#steps.inc({ step, by: by === GUARD ? GUARD : "person" });
    this.logger.info({ model, candidate, step, by, why, revision }, describeStage(state));
    await this.publishPending().catch((error: unknown) => {
      const { code, message } = asTriplineError(error);
      this.logger.warn({ code, model }, `the step has not been published yet: ${message}`);
    });
    return state;
  }

  async #tryRestoring(state: RolloutState): Promise<void> {
    const { rolloutId, modelName: model } = state;
    try {
      await this.#restoreAliases(state);
      this.#attempts.delete(rolloutId);
    } catch (error) {
      const { code, message } = asTriplineError(error);
      const waitMs = Math.min(2 * (this.#attempts.get(rolloutId)?.waitMs ?? RETRY_MS_MIN / 2), RETRY_MS_MAX);
      this.#attempts.set(rolloutId, { waitMs, nextAtMs: Date.now() + waitMs });
      this.logger.warn({ code, model, waitMs }, `the rollback has not reached the registry yet: ${message}`);
    }
  }

  /**
   * Restores the former champion's alias and removes the candidate's, so that scoring unloads it. Safe to repeat.
   *
   * @throws TriplineError errors of the registry
   */
  async #restoreAliases(state: RolloutState): Promise<void> {
    const { registry, store } = this;
    const { modelName: model, championVersion, candidateVersion, changedBy: by, why } = state;
    const change = { by, why, isRollback: true };
    await demote(registry, state, change);
    const expect = await registry.aliasTarget(model, CANDIDATE_ALIAS).catch(() => null);
    if (expect === candidateVersion || expect === null) {
      await registry.setAlias(model, CANDIDATE_ALIAS, championVersion, { expect, ...change });
    }
    await store.registryDone(state);
  }
}

/** Safe to repeat, because it continues a promotion that was interrupted after the alias had moved. */
async function promote(
  registry: RecordingRegistry,
  { modelName, championVersion, candidateVersion }: RolloutState,
  change: { readonly by: string; readonly why: string },
): Promise<void> {
  if ((await registry.aliasTarget(modelName, CHAMPION_ALIAS)) === candidateVersion) return;
  await registry.setAlias(modelName, CHAMPION_ALIAS, candidateVersion, { expect: championVersion, ...change });
}

/** Reverts a promotion that was rolled back, or that was interrupted after the alias had moved. */
async function demote(registry: RecordingRegistry, state: RolloutState, change: MoveOptions): Promise<void> {
  const { modelName, championVersion, candidateVersion } = state;
  if ((await registry.aliasTarget(modelName, CHAMPION_ALIAS)) !== candidateVersion) return;
  await registry.setAlias(modelName, CHAMPION_ALIAS, championVersion, { expect: candidateVersion, ...change });
}

/** Passes if the registry is unavailable. @throws TriplineError `rollout-conflict` if the alias has a third version */
async function requireRevertible(registry: RecordingRegistry, state: RolloutState): Promise<void> {
  const { modelName, championVersion, candidateVersion } = state;
  const alias = await registry.aliasTarget(modelName, CHAMPION_ALIAS).catch(() => candidateVersion);
  if ([candidateVersion, championVersion].includes(alias)) return;
  const detail = `The champion is ${modelName} ${alias}, which this rollout did not promote. Move the alias in the registry.`;
  throw new TriplineError("rollout-conflict", detail);
}

const assumedDelay = z.object({ retrain: z.object({ label_delay_days: z.number().int().min(0).max(180) }) });

/** Adds the label delay that the candidate's training assumed. */
function withLabelDays(plan: RolloutPlan, { manifest }: ModelVersion): RolloutPlan {
  const days = plan.guards.label_days ?? assumedDelay.safeParse(manifest.lineage.params).data?.retrain.label_delay_days;
  return days === undefined ? plan : { ...plan, guards: { ...plan.guards, label_days: days } };
}

function refuseUncompared({ name, version }: ModelVersion, champion: ModelVersion): never {
  throw new TriplineError(
    "comparison-missing",
    `${name} ${version} was not compared with the champion ${champion.version} on labelled payments. Run ` +
      `tripline retrain --candidate ${version}, or start the rollout without a comparison and say why.`,
  );
}

function refuseSecond({ modelName, candidateVersion }: RolloutState): never {
  throw new TriplineError(
    "rollout-conflict",
    `${modelName} ${candidateVersion} is already being rolled out. Promote it or roll it back first.`,
  );
}

function refuseOther({ manifest: champion }: ModelVersion, { manifest: candidate }: ModelVersion): void {
  const { name, version } = candidate;
  if (version === champion.version) {
    throw new TriplineError("rollout-conflict", `${name} ${version} is already the champion.`);
  }
  const isSame =
    candidate.feature_spec_version === champion.feature_spec_version &&
    candidate.features.join() === champion.features.join();
  if (isSame) return;
  throw new TriplineError(
    "spec-mismatch",
    `${name} ${version} was trained for feature spec ${candidate.feature_spec_version}, but the champion ${champion.version} for ${champion.feature_spec_version}. Both must use the same feature spec.`,
  );
}

function toRecord(state: RolloutState) {
  const { stage, ...rest } = state;
  const value = Rollout.encode({ ...rest, stage: STAGES[stage] }).finish();
  return {
    topic: TABLES.rollouts.name,
    key: state.modelName,
    value,
    headers: { [HEADERS.schema]: TABLES.rollouts.schema },
  };
}
