import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { labelledGauge } from "@tripline/telemetry/metrics";
import { RegularLook } from "../rollouts/regular-look.js";
import { MODEL_REGISTRY } from "../rollouts/rollouts.js";
import type { ExpiredVersion, VersionKey } from "./version-store.js";
import { VersionStore } from "./version-store.js";

const CHAMPION_ALIAS = "champion";
const LOOK_MS_MIN = 60_000;
const MS_PER_S = 1_000;

/** Reports champions whose model cards have expired. They keep deciding. */
@Injectable()
export class ChampionWatch extends RegularLook {
  #expired: readonly ExpiredVersion[] = [];
  #nextAtMs = 0;
  #registryFault = "";
  #endReading: (() => void) | undefined;

  constructor(
    @Inject(VersionStore) private readonly versions: Pick<VersionStore, "expiredModels" | "expiredOf">,
    @Inject(MODEL_REGISTRY) private readonly registry: Pick<RecordingRegistry, "aliasTarget">,
    @Inject(LOGGER) logger: Logger,
  ) {
    super("model cards", logger, () => this.lookAt(Date.now()));
  }

  override get note(): string | undefined {
    const [first] = this.#expired;
    if (first === undefined) return super.note;
    const day = new Date(first.expiredAtMs).toISOString().slice(0, 10);
    return `the model card of the champion ${first.model} ${first.version} expired on ${day}; it keeps deciding`;
  }

  override onModuleInit(): void {
    super.onModuleInit();
    this.#endReading = labelledGauge(
      "tripline_control_champion_expired_seconds",
      { description: "Time since the model card of a champion expired", labels: ["model"] },
      () => this.#expired.map(({ model, expiredAtMs }) => [(Date.now() - expiredAtMs) / MS_PER_S, { model }]),
    );
  }

  override async onApplicationShutdown(): Promise<void> {
    this.#endReading?.();
    await super.onApplicationShutdown();
  }

  /**
   * Once a minute is often enough. The registry is only asked about models with an expired card. While it is
   * unavailable, the previous result stays: cards bind only later promotions, so no payment is unguarded.
   */
  async lookAt(nowMs: number): Promise<void> {
    if (nowMs < this.#nextAtMs) return;
    const models = await this.versions.expiredModels();
    this.#nextAtMs = nowMs + LOOK_MS_MIN;
    let champions: VersionKey[];
    try {
      champions = await this.#championsOf(models);
      this.#registryFault = "";
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      if (message !== this.#registryFault) this.logger.warn({ code }, `champions cannot be read: ${message}`);
      this.#registryFault = message;
      return;
    }
    this.#expired = champions.length === 0 ? [] : await this.versions.expiredOf(champions);
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
