import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { labelledGauge } from "@tripline/telemetry/metrics";
import { RegularLook } from "../rollouts/regular-look.js";
import { MODEL_REGISTRY } from "../rollouts/rollouts.js";
import type { ExpiredVersion } from "./version-store.js";
import { VersionStore } from "./version-store.js";

const CHAMPION_ALIAS = "champion";
const LOOK_MS_MIN = 60_000;
const MS_PER_S = 1_000;

/** Reports champions whose model cards have expired. They keep deciding. */
@Injectable()
export class ChampionWatch extends RegularLook {
  #expired: readonly ExpiredVersion[] = [];
  #nextAtMs = 0;
  #endReading: (() => void) | undefined;

  constructor(
    @Inject(VersionStore) private readonly versions: Pick<VersionStore, "expired">,
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

  /** Once a minute is often enough. The registry is only asked about models with an expired card. */
  async lookAt(nowMs: number): Promise<void> {
    if (nowMs < this.#nextAtMs) return;
    const found: ExpiredVersion[] = [];
    const champions = new Map<string, string | undefined>();
    for (const each of await this.versions.expired()) {
      const { model, version } = each;
      if (!champions.has(model)) champions.set(model, await this.#championOf(model));
      if (champions.get(model) === version) found.push(each);
    }
    this.#expired = found;
    this.#nextAtMs = nowMs + LOOK_MS_MIN;
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
