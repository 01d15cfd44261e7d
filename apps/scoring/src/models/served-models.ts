import { setTimeout as sleep } from "node:timers/promises";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import type { Logger } from "@tripline/telemetry/logger";
import type { ModelReference } from "../config.js";
import type { ModelServerOptions } from "./model-server.js";
import { ModelServer, REFUSED_RETRY_MS } from "./model-server.js";
import type { ServedModel } from "./served-model.js";

/** Used in place of a name to mean every model with the alias. */
const EVERY = "*";
/** Maximum number of pending loads and unloads. */
const CHANGES_MAX = 32;
/** Maximum number of names in a message. */
const NAMES_LISTED_MAX = 10;

export interface ServedModelsOptions {
  readonly registry: ModelRegistry;
  readonly references: readonly ModelReference[];
  readonly modelsMax: number;
  readonly pollMs: number;
  readonly logger: Logger;
  /** Settings for serving the model of a reference. */
  settingsOf(reference: ModelReference): Omit<ModelServerOptions, "registry" | "name" | "alias" | "pollMs">;
}

/** A model that is served or should be. */
export interface ModelSlot extends ModelReference {
  /** Absent while the model is not served; `reason` then says why. */
  readonly server?: ModelServer;
  readonly reason: string;
}

interface Slot extends ModelSlot {
  server?: ModelServer;
  reason: string;
  /** A model that `*` found but that cannot be served is retried after this time, in epoch ms. */
  retryAtMs: number;
  /** The version that could not be served. Another version is tried immediately. */
  failedVersion?: string;
}

/** The models of this service. Finds the model for a request. */
export class ServedModels {
  /** In the order of the references, because requests without a version go to the first one with the name. */
  private readonly slots: Slot[] = [];
  private readonly stopping = new AbortController();
  private watching: Promise<void> = Promise.resolve();
  private changing: Promise<unknown> = Promise.resolve();
  private changes = 0;

  private constructor(private readonly options: ServedModelsOptions) {}

  /**
   * Loads the models of the references. A named model must exist. Models that `*` finds but that cannot be served are
   * skipped and logged.
   *
   * @throws TriplineError the error of the registry, or of the first model that cannot be served
   */
  static async start(options: ServedModelsOptions): Promise<ServedModels> {
    const models = new ServedModels(options);
    try {
      for (const reference of options.references) {
        if (isFound(reference)) await models.discover(reference);
        else await models.open(models.add(reference));
      }
    } catch (error) {
      await models.close();
      throw error;
    }
    if (options.references.some(isFound)) models.watching = models.watch();
    return models;
  }

  /** The first failure of a served model. Failures of optional models are ignored. */
  get failure(): TriplineError | undefined {
    const failed = this.slots.find((slot) => slot.isOptional !== true && slot.server?.failure !== undefined);
    return failed?.server?.failure;
  }

  /** All models that are currently served. */
  all(): ServedModel[] {
    return this.slots.flatMap((slot) => (slot.server === undefined ? [] : [slot.server.current]));
  }

  allSlots(): readonly ModelSlot[] {
    return this.slots;
  }

  /**
   * The model for a request.
   *
   * @param version its version, or the alias under which it is served; empty for the first one served under the name
   * @throws TriplineError `model-not-found`, or `scoring-unavailable` for a known model that is not loaded
   */
  find(name: string, version: string): ServedModel {
    return this.serverOf(name, version).current;
  }

  /** Whether a model is ready; false for an unknown model, as in Triton. */
  isReady(name: string, version: string): boolean {
    try {
      return this.serverOf(name, version).failure === undefined;
    } catch {
      return false;
    }
  }

  /**
   * Loads a model from the registry, or immediately checks for a newer version of a served one.
   *
   * @throws TriplineError if it cannot be served; served models stay in service
   */
  load(name: string): Promise<void> {
    return this.change(async () => {
      const own = this.slots.filter((slot) => slot.name === name);
      const [first] = this.options.references;
      const alias = this.options.references.find((one) => one.name === EVERY)?.alias ?? first?.alias ?? "";
      const known = own.length > 0 ? own : [this.add({ name, alias })];
      for (const slot of known) {
        if (slot.server === undefined) await this.openOrForget(slot, own.length === 0);
        else await slot.server.reload();
      }
    });
  }

  /**
   * Takes a model out of service after it has finished its requests.
   *
   * @throws TriplineError `model-not-found`
   */
  unload(name: string): Promise<void> {
    return this.change(async () => {
      const own = this.slots.filter((slot) => slot.name === name);
      if (own.length === 0) throw this.notFound(name);
      const servers = own.flatMap((slot) => (slot.server === undefined ? [] : [slot.server]));
      for (const slot of own) {
        delete slot.server;
        slot.reason = "unloaded";
        slot.retryAtMs = Number.POSITIVE_INFINITY;
        delete slot.failedVersion;
      }
      await Promise.all(servers.map((server) => server.drain()));
      this.options.logger.info({ model: name }, "model unloaded");
    });
  }

  /** Ends all threads. Runs in progress fail, so drain the callers first. */
  async close(): Promise<void> {
    this.stopping.abort();
    await this.watching;
    await this.changing;
    await Promise.all(this.slots.map((slot) => slot.server?.close()));
  }

  private serverOf(name: string, version: string): ModelServer {
    let first: Slot | undefined;
    for (const slot of this.slots) {
      if (slot.name !== name) continue;
      first ??= slot;
      const { server } = slot;
      if (server === undefined) continue;
      // Requests without a version never go to a candidate.
      const isMeant = version === "" ? slot.isOptional !== true : version === slot.alias;
      if (isMeant || version === server.current.manifest.version) return server;
    }
    if (first === undefined) throw this.notFound(name);
    const served = this.slots.flatMap((slot) => (slot.name === name && slot.server ? [slot.server.current] : []));
    if (served.length === 0) {
      throw new TriplineError("scoring-unavailable", `Model ${name} is not loaded: ${first.reason}`);
    }
    const versions = served.map((model) => model.manifest.version);
    throw new TriplineError(
      "model-not-found",
      `Version "${version}" of model ${name} is not served here; ${listed(versions)}.`,
    );
  }

  private notFound(name: string): TriplineError {
    const names = [...new Set(this.slots.map((slot) => `"${slot.name}"`))];
    return new TriplineError("model-not-found", `There is no model "${name}" here; ${listed(names)}.`);
  }

  private add(reference: ModelReference): Slot {
    const { modelsMax } = this.options;
    if (this.slots.length >= modelsMax) {
      throw new TriplineError(
        "config-invalid",
        `Model ${reference.name} cannot be loaded: ${this.slots.length} models are loaded, and MODELS_MAX is ${modelsMax}.`,
      );
    }
    const slot: Slot = { ...reference, reason: "not loaded yet", retryAtMs: 0 };
    this.slots.push(slot);
    return slot;
  }

  private async open(slot: Slot): Promise<void> {
    const { registry, pollMs, settingsOf, logger } = this.options;
    const { name, alias } = slot;
    try {
      const isElsewhere =
        slot.isOptional === true ? { isElsewhere: (version: string) => this.isServed(name, version) } : {};
      const server = await ModelServer.start({ ...settingsOf(slot), ...isElsewhere, registry, name, alias, pollMs });
      const { manifest, providers } = server.current;
      logger.info({ model: name, alias, version: manifest.version, providers }, "model ready");
      slot.server = server;
      slot.reason = "";
    } catch (thrown) {
      const error = asTriplineError(thrown);
      slot.reason = error.message;
      slot.retryAtMs = Date.now() + REFUSED_RETRY_MS;
      throw error;
    }
  }

  /** Opens a model. A new one is forgotten if it cannot be loaded. */
  private async openOrForget(slot: Slot, isNew: boolean): Promise<void> {
    try {
      await this.open(slot);
    } catch (error) {
      if (isNew) this.slots.splice(this.slots.indexOf(slot), 1);
      throw error;
    }
  }

  private async watch(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      // Only an abort rejects here, and it ends the loop.
      await sleep(this.options.pollMs, undefined, { signal }).catch(() => undefined);
      for (const reference of this.options.references.filter(isFound)) {
        if (!signal.aborted) await this.change(() => this.discover(reference)).catch(() => undefined);
      }
    }
  }

  /** Serves models of the registry that have the alias and are not served yet. */
  private async discover(reference: ModelReference): Promise<void> {
    const { registry, modelsMax, logger } = this.options;
    const { alias } = reference;
    for (const name of reference.name === EVERY ? await registry.models() : [reference.name]) {
      if (this.stopping.signal.aborted) return;
      let slot = this.slots.find((one) => one.name === name && one.alias === alias);
      if (slot?.server !== undefined && slot.isOptional !== true) continue;
      const version = await aliasTarget(registry, name, alias);
      // Models without the alias are not served.
      if (version === undefined) continue;
      if (reference.isOptional === true && this.isServed(name, version)) {
        if (slot !== undefined) await this.drop(slot);
        continue;
      }
      if (slot?.server !== undefined || (slot !== undefined && isWaiting(slot, version))) continue;
      if (slot === undefined && this.slots.length >= modelsMax) {
        logger.warn({ model: name, modelsMax }, "model skipped: the number of loaded models has reached MODELS_MAX");
        return;
      }
      slot ??= this.add({ ...reference, name });
      const opened = slot;
      await this.open(opened).catch((error: unknown) => {
        opened.failedVersion = version;
        const { code, message } = asTriplineError(error);
        logger.error({ code, model: name, alias }, `${message} The model is skipped.`);
      });
    }
  }

  /** Frees a candidate's memory once it is the champion, or once its alias names the champion again. */
  private async drop(slot: Slot): Promise<void> {
    const { name, alias, server } = slot;
    this.slots.splice(this.slots.indexOf(slot), 1);
    await server?.drain();
    this.options.logger.info(
      { model: name, alias, version: server?.current.manifest.version },
      "model unloaded: it no longer has the alias",
    );
  }

  /** Whether a version is served under a required alias. */
  private isServed(name: string, version: string): boolean {
    return this.slots.some(
      (slot) => slot.name === name && slot.isOptional !== true && slot.server?.current.manifest.version === version,
    );
  }

  /** Serialises changes. */
  private change(run: () => Promise<void>): Promise<void> {
    if (this.changes >= CHANGES_MAX) {
      return Promise.reject(
        new TriplineError(
          "queue-full",
          `${this.changes} requests to load or unload models are already waiting. Try again later.`,
        ),
      );
    }
    this.changes += 1;
    const own = this.changing.then(run).finally(() => {
      this.changes -= 1;
    });
    this.changing = own.catch(() => undefined);
    return own;
  }
}

/** Whether a reference is looked up periodically, and its models need not exist. */
function isFound({ name, isOptional }: ModelReference): boolean {
  return name === EVERY || isOptional === true;
}

function isWaiting({ retryAtMs, failedVersion }: Slot, version: string): boolean {
  return Date.now() < retryAtMs && (failedVersion === undefined || failedVersion === version);
}

/** Undefined if the model has no such alias. */
async function aliasTarget(registry: ModelRegistry, name: string, alias: string): Promise<string | undefined> {
  return registry.aliasTarget(name, alias).catch((error: unknown) => {
    if (asTriplineError(error).code === "model-not-found") return undefined;
    throw error;
  });
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_LISTED_MAX).join(", ");
  const more = names.length > NAMES_LISTED_MAX ? ` and ${names.length - NAMES_LISTED_MAX} more` : "";
  if (names.length === 0) return "no models are served";
  return `${shown}${more} ${names.length === 1 ? "is" : "are"} served`;
}
