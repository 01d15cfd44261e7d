import { setTimeout as sleep } from "node:timers/promises";
import type { OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import type { Scorecard } from "@tripline/decision-engine/scorecard";
import { unreadFault, unreadFeatures } from "@tripline/decision-engine/unread-features";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";
import { DecisionMetrics } from "../decision-metrics.js";

/** A `ModelRegistry`; undefined if none is configured. */
export const MODEL_REGISTRY = Symbol("MODEL_REGISTRY");

type ScorecardRegistry = Pick<ModelRegistry, "aliasTarget" | "scorecard">;

const ALIAS = "champion";
/**
 * Time for which startup waits for the registry; after that, it continues without a scorecard until one is available.
 */
const START_WAIT_MS_MAX = 2_000;
/** A rejected scorecard is read again after this time, because its file may have been replaced. */
const REFUSED_RETRY_MS = 60_000;

/**
 * The champion's scorecard, the fallback for its score. It is refreshed from the registry in the background, so no
 * payment waits for it. While the registry is unavailable or has an unusable scorecard, the last good one stays in use.
 */
@Injectable()
export class ChampionScorecard implements OnModuleInit, OnApplicationShutdown {
  readonly #stopping = new AbortController();
  #current: Scorecard | undefined;
  /** Version of the last model that was checked successfully. */
  #version: string | undefined;
  #fault: string | undefined = "the registry has not been read yet.";
  #refused: { readonly version: string; readonly retryAtMs: number } | undefined;

  constructor(
    /** Undefined if none is configured; in that case, there is never a scorecard. */
    @Inject(MODEL_REGISTRY) private readonly registry: ScorecardRegistry | undefined,
    @Inject(DECISIONS_CONFIG)
    private readonly config: Pick<DecisionsConfig, "MODEL_NAME" | "REGISTRY_POLL_SECONDS" | "FEAST_PROFILES">,
    @Inject(DecisionMetrics) private readonly metrics: DecisionMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    if (registry === undefined) this.#fault = "REGISTRY_URL is not set.";
  }

  get current(): Scorecard | undefined {
    return this.#current;
  }

  /** A warning for the operator; undefined if the champion's own scorecard is in use. */
  get note(): string | undefined {
    if (this.#fault === undefined) return undefined;
    const stays =
      this.#current === undefined ? "without the model, only rules decide" : `${this.#current.version} stays in use`;
    return `${stays}: ${this.#fault}`;
  }

  async onModuleInit(): Promise<void> {
    const { registry, logger } = this;
    if (registry === undefined) {
      logger.info(`no scorecard: ${this.note}`);
      return;
    }
    const first = this.#look(registry);
    const late = new AbortController();
    await Promise.race([first, sleep(START_WAIT_MS_MAX, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    void first.then(() => this.#poll(registry));
  }

  onApplicationShutdown(): void {
    // A hanging registry read must not block shutdown; its result is ignored.
    this.#stopping.abort();
  }

  async #poll(registry: ScorecardRegistry): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // Only the abort can be thrown here, and it ends the loop.
      await sleep(1_000 * this.config.REGISTRY_POLL_SECONDS, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.#look(registry);
    }
  }

  async #look(registry: ScorecardRegistry): Promise<void> {
    const { MODEL_NAME: name } = this.config;
    let version: string | undefined;
    try {
      version = await registry.aliasTarget(name, ALIAS);
      if (version === this.#version) this.#settle(version);
      else if (this.#refused?.version !== version || Date.now() >= this.#refused.retryAtMs) {
        const bytes = await registry.scorecard(name, version);
        this.#use(version, bytes);
      }
    } catch (thrown) {
      this.#noteFault(version, asTriplineError(thrown));
    }
  }

  #use(version: string, bytes: Uint8Array | undefined): void {
    const { metrics, logger } = this;
    const { MODEL_NAME: name } = this.config;
    // A scorecard belongs to its model, so a champion without a scorecard does not use an earlier champion's scorecard.
    this.#current = bytes === undefined ? undefined : this.#parse(version, bytes);
    this.#version = version;
    this.#settle(version);
    if (this.#current === undefined) logger.warn({ model: name, version }, `no scorecard: ${this.note}`);
    else {
      metrics.scorecardReloaded(true);
      logger.info({ model: name, version, scorecard_version: this.#current.version }, "new scorecard active");
    }
  }

  /** @throws TriplineError `scorecard-invalid` */
  #parse(version: string, bytes: Uint8Array): Scorecard {
    const { MODEL_NAME: name, FEAST_PROFILES: profiles } = this.config;
    const [spec, what] = [currentFeatureSpec(), `scorecard.json of model ${name} ${version}`];
    const scorecard = parseScorecard(Buffer.from(bytes).toString("utf8"), spec, what);
    const used = scorecard.features.map((feature) => feature.name);
    const fault = unreadFault(used, unreadFeatures(spec, profiles));
    if (fault !== undefined) throw new TriplineError("scorecard-invalid", `${what} ${fault}.`);
    return scorecard;
  }

  #settle(version: string): void {
    this.#refused = undefined;
    this.#fault =
      this.#current === undefined
        ? `model ${this.config.MODEL_NAME} ${version} was published without a scorecard.`
        : undefined;
  }

  /** Logged once, no matter how often it is retried. */
  #noteFault(version: string | undefined, error: TriplineError): void {
    const { metrics, logger } = this;
    const { MODEL_NAME: model } = this.config;
    const isVerdict = error.code === "model-refused" || error.code === "scorecard-invalid";
    if (version !== undefined && isVerdict) this.#refused = { version, retryAtMs: Date.now() + REFUSED_RETRY_MS };
    if (error.message === this.#fault) return;
    this.#fault = error.message;
    metrics.scorecardReloaded(false);
    logger.error({ code: error.code, model, version, faults: error.message.split("\n") }, "scorecard rejected");
  }
}
