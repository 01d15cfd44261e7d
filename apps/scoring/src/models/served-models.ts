import { setTimeout as sleep } from "node:timers/promises";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import type { Logger } from "@tripline/telemetry/logger";
import type { ModelReference } from "../config.js";
import type { ModelServerOptions } from "./model-server.js";
import { ModelServer, REFUSED_RETRY_MS } from "./model-server.js";
import type { ServedModel } from "./served-model.js";

/** `*` instead of a name stands for every model that has the alias. */
const EVERY = "*";
/** Loads and unloads that may wait for each other. */
const CHANGES_MAX = 32;
/** Most names that a sentence lists. */
const NAMES_LISTED_MAX = 10;

export interface ServedModelsOptions {
  readonly registry: ModelRegistry;
  readonly references: readonly ModelReference[];
  readonly modelsMax: number;
  readonly pollMs: number;
  readonly logger: Logger;
  /** How to serve the model of a reference. */
  settingsOf(reference: ModelReference): Omit<ModelServerOptions, "registry" | "name" | "alias" | "pollMs">;
}

/** One model that is served, or that was meant to be. */
export interface ModelSlot extends ModelReference {
  /** Absent while there is nothing to serve; `reason` then says why. */
  readonly server?: ModelServer;
  readonly reason: string;
}

interface Slot extends ModelSlot {
  server?: ModelServer;
  reason: string;
  /** A model that `*` found and that cannot be served is not tried again before this time, in epoch ms. */
  retryAtMs: number;
  /** The version that could not be served; another one is tried at once. */
  failedVersion?: string;
}

/** The models of this service, and which of them a request means. */
export class ServedModels {
  /** In the order of the references: the first of a name answers requests that ask for no version. */
  private readonly slots: Slot[] = [];
  private readonly stopping = new AbortController();
  private watching: Promise<void> = Promise.resolve();
  private changing: Promise<unknown> = Promise.resolve();
  private changes = 0;

  private constructor(private readonly options: ServedModelsOptions) {}

  /**
   * Loads what the references name. A named model must exist; of those that `*` finds, the ones that cannot be served are
   * left out and logged.
   *
   * @throws TriplineError of the registry, or of the first model that cannot be served
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

  /** The first reason why a model cannot be served as it should be. One that need not be there does not count. */
  get failure(): TriplineError | undefined {
    const failed = this.slots.find((slot) => slot.isOptional !== true && slot.server?.failure !== undefined);
    return failed?.server?.failure;
  }

  /** All that is served at this moment. */
  all(): ServedModel[] {
    return this.slots.flatMap((slot) => (slot.server === undefined ? [] : [slot.server.current]));
  }

  allSlots(): readonly ModelSlot[] {
    return this.slots;
  }

  /**
   * The model that a request means.
   *
   * @param version its version, or the alias by which it is served; empty for the first that is served under the name
   * @throws TriplineError `model-not-found`, or `scoring-unavailable` for a model that is known and not loaded
   */
  find(name: string, version: string): ServedModel {
    return this.serverOf(name, version).current;
  }

  /** Whether a model answers requests; false also for one that is not known, as Triton says. */
  isReady(name: string, version: string): boolean {
    try {
      return this.serverOf(name, version).failure === undefined;
    } catch {
      return false;
    }
  }

  /**
   * Loads a model of the registry, or checks at once for a newer version of one that is served.
   *
   * @throws TriplineError why it cannot be served; models in service continue
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
   * Takes a model out of service; its requests are answered.
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

  /** Ends all threads. What still runs fails, so drain the callers first. */
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
      // A candidate is never meant by default.
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
        `Model ${reference.name} cannot be served: there are ${this.slots.length} already, and MODELS_MAX is ${modelsMax}.`,
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

  /** A model that was not named before is forgotten if it cannot be loaded. */
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
      // Only the abort can be thrown here, and it ends the loop.
      await sleep(this.options.pollMs, undefined, { signal }).catch(() => undefined);
      for (const reference of this.options.references.filter(isFound)) {
        if (!signal.aborted) await this.change(() => this.discover(reference)).catch(() => undefined);
      }
    }
  }

  /** Serves what the registry has under an alias and is not served yet. */
  private async discover(reference: ModelReference): Promise<void> {
    const { registry, modelsMax, logger } = this.options;
    const { alias } = reference;
    for (const name of reference.name === EVERY ? await registry.models() : [reference.name]) {
      if (this.stopping.signal.aborted) return;
      let slot = this.slots.find((one) => one.name === name && one.alias === alias);
      if (slot?.server !== undefined && slot.isOptional !== true) continue;
      const version = await aliasTarget(registry, name, alias);
      // A model without the alias is not meant to be served.
      if (version === undefined) continue;
      if (reference.isOptional === true && this.isServed(name, version)) {
        if (slot !== undefined) await this.drop(slot);
        continue;
      }
      if (slot?.server !== undefined || (slot !== undefined && isWaiting(slot, version))) continue;
      if (slot === undefined && this.slots.length >= modelsMax) {
        logger.warn({ model: name, modelsMax }, "model skipped: MODELS_MAX models are already served");
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

  /** The memory of a candidate is given back once it is the champion, or its alias names the champion again. */
  private async drop(slot: Slot): Promise<void> {
    const { name, alias, server } = slot;
    this.slots.splice(this.slots.indexOf(slot), 1);
    await server?.drain();
    this.options.logger.info({ model: name, alias, version: server?.current.manifest.version }, "model dropped");
  }

  /** Whether a version is served under an alias that has to be there. */
  private isServed(name: string, version: string): boolean {
    return this.slots.some(
      (slot) => slot.name === name && slot.isOptional !== true && slot.server?.current.manifest.version === version,
    );
  }

  /** One change at a time. */
  private change(run: () => Promise<void>): Promise<void> {
    if (this.changes >= CHANGES_MAX) {
      return Promise.reject(new TriplineError("queue-full", `${this.changes} models wait to be loaded or unloaded.`));
    }
    this.changes += 1;
    const own = this.changing.then(run).finally(() => {
      this.changes -= 1;
    });
    this.changing = own.catch(() => undefined);
    return own;
  }
}

/** Whether what a reference names is looked for again and again, and need not be there. */
function isFound({ name, isOptional }: ModelReference): boolean {
  return name === EVERY || isOptional === true;
}

function isWaiting({ retryAtMs, failedVersion }: Slot, version: string): boolean {
  return Date.now() < retryAtMs && (failedVersion === undefined || failedVersion === version);
}

/** Undefined where the model has no such alias. */
async function aliasTarget(registry: ModelRegistry, name: string, alias: string): Promise<string | undefined> {
  return registry.aliasTarget(name, alias).catch((error: unknown) => {
    if (asTriplineError(error).code === "model-not-found") return undefined;
    throw error;
  });
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_LISTED_MAX).join(", ");
  const more = names.length > NAMES_LISTED_MAX ? ` and ${names.length - NAMES_LISTED_MAX} more` : "";
  if (names.length === 0) return "none is served";
  return `${shown}${more} ${names.length === 1 ? "is" : "are"} served`;
}
