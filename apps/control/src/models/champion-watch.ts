import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { labelledGauge } from "@tripline/telemetry/metrics";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { RegularLook } from "../rollouts/regular-look.js";
import { CHAMPION_ALIAS, MODEL_REGISTRY } from "../rollouts/rollouts.js";
import type { ExpiredVersion, VersionKey } from "./version-store.js";
import { VersionStore } from "./version-store.js";

const LOOK_MS_MIN = 60_000;
const MS_PER_S = 1_000;
const MODELS_MAX = 100;

/**
 * Reports champions whose model cards have expired. If every version needs a model card, it also reports champions
 * without a signed one, because anyone who can write to the registry can move the alias without the control plane.
 * Reported champions keep deciding.
 */
@Injectable()
export class ChampionWatch extends RegularLook {
  #expired: readonly ExpiredVersion[] = [];
  #unsigned: readonly VersionKey[] = [];
  #nextAtMs = 0;
  #registryFault = "";
  readonly #endReading: (() => void)[] = [];

  constructor(
    @Inject(VersionStore) private readonly versions: Pick<VersionStore, "expiredModels" | "expiredOf" | "contractOf">,
    @Inject(MODEL_REGISTRY) private readonly registry: Pick<RecordingRegistry, "aliasTarget" | "models">,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "MODEL_CARDS_REQUIRED">,
    @Inject(LOGGER) logger: Logger,
  ) {
    super("model cards", logger, () => this.lookAt(Date.now()));
  }

  override get note(): string | undefined {
    const [first] = this.#expired;
    const [unsigned] = this.#unsigned;
    if (first === undefined && unsigned !== undefined) {
      return `the champion ${unsigned.model} ${unsigned.version} has no signed model card; it keeps deciding`;
    }
    if (first === undefined) return super.note;
    const day = new Date(first.expiredAtMs).toISOString().slice(0, 10);
    return `the model card of the champion ${first.model} ${first.version} expired on ${day}; it keeps deciding`;
  }

  override onModuleInit(): void {
    super.onModuleInit();
    this.#endReading.push(
      labelledGauge(
        "tripline_control_champion_expired_seconds",
        { description: "Time since the model card of a champion expired", labels: ["model"] },
        () => this.#expired.map(({ model, expiredAtMs }) => [(Date.now() - expiredAtMs) / MS_PER_S, { model }]),
      ),
      labelledGauge(
        "tripline_control_champion_unsigned",
        { description: "1 for a champion without a signed model card, if every version needs one", labels: ["model"] },
        () => this.#unsigned.map(({ model }) => [1, { model }]),
      ),
    );
  }

  override async onApplicationShutdown(): Promise<void> {
    for (const end of this.#endReading) end();
    await super.onApplicationShutdown();
  }

  /**
   * Once a minute is often enough. Unless model cards are required, the registry is queried only for models with an
   * expired card. While the registry is unavailable, the previous result is kept. No payment is at risk, because model
   * cards only restrict later promotions.
   */
  async lookAt(nowMs: number): Promise<void> {
    if (nowMs < this.#nextAtMs) return;
    const models = await this.versions.expiredModels();
    this.#nextAtMs = nowMs + LOOK_MS_MIN;
    let champions: VersionKey[];
    let all: VersionKey[];
    try {
      champions = await this.#championsOf(models);
      all = this.config.MODEL_CARDS_REQUIRED ? await this.#championsOf(await this.#someModels()) : [];
      this.#registryFault = "";
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      if (message !== this.#registryFault) this.logger.warn({ code }, `champions cannot be read: ${message}`);
      this.#registryFault = message;
      return;
    }
    this.#expired = champions.length === 0 ? [] : await this.versions.expiredOf(champions);
    const contracts = await Promise.all(all.map((key) => this.versions.contractOf(key)));
    this.#unsigned = all.filter((_, at) => (contracts[at]?.signedBy ?? null) === null);
  }

  async #someModels(): Promise<string[]> {
    return (await this.registry.models()).slice(0, MODELS_MAX);
  }

  async #championsOf(models: readonly string[]): Promise<VersionKey[]> {
    const found: VersionKey[] = [];
    for (const model of models) {
      const version = await this.#championOf(model);
      if (version !== undefined) found.push({ model, version });
    }
    return found;
  }

  async #championOf(model: string): Promise<string | undefined> {
    try {
      return await this.registry.aliasTarget(model, CHAMPION_ALIAS);
    } catch (thrown) {
      if (asTriplineError(thrown).code === "model-not-found") return undefined;
      throw thrown;
    }
  }
}
