import { setTimeout as sleep } from "node:timers/promises";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import type { Logger } from "@tripline/telemetry/logger";
import { ModelTally } from "../inference/model-tally.js";
import type { BatchLimits } from "../inference/request-batcher.js";
import { RequestBatcher } from "../inference/request-batcher.js";
import type { ScoringMetrics } from "../scoring-metrics.js";
import { checkFeatureSpec } from "./check-model.js";
import type { ExecutionProvider } from "./execution-providers.js";
import { isAccelerator } from "./execution-providers.js";
import type { SessionOptions } from "./model-session.js";
import { ModelSession } from "./model-session.js";
import type { ServedModel } from "./served-model.js";
import type { Unavailable } from "./unavailable.js";
import { isOutOfMemory } from "./unavailable.js";

/** Time that a replaced model may take to finish its remaining requests. */
const DRAIN_MS_MAX = 10_000;
/** Scoring retries a rejected version after this time, because its files may have been replaced. */
export const REFUSED_RETRY_MS = 60_000;

export interface ModelServerOptions {
  readonly registry: ModelRegistry;
  readonly name: string;
  readonly alias: string;
  /** Whether a version is already served under another alias and must not be loaded. Default: never. */
  isElsewhere?(version: string): boolean;
  /** Milliseconds between two reads of the alias. */
  readonly pollMs: number;
  readonly session: SessionOptions;
  /** The limits of a model that runs on these providers; the first provider matters most. */
  limitsOf(providers: readonly ExecutionProvider[]): BatchLimits;
  /** The required feature spec version of models. Default: any. */
  readonly featureSpecVersion?: number | undefined;
  readonly logger: Logger;
  readonly metrics: ScoringMetrics;
}

interface Serving extends ServedModel {
  readonly session: ModelSession;
}

/** The reason why the alias's version is not being served. */
export interface Refusal {
  readonly version: string;
  readonly reason: string;
}

/** Serves the model that an alias names, and follows the alias. */
export class ModelServer {
  private readonly stopping = new AbortController();
  private readonly retiring = new Set<Promise<void>>();
  private readonly polling: Promise<void>;
  private looking: Promise<void> = Promise.resolve();
  private refused: (Refusal & { retryAtMs: number }) | undefined;
  private lastFault = "";

  private constructor(
    private readonly options: ModelServerOptions,
    private serving: Serving,
  ) {
    this.polling = this.poll();
  }

  /**
   * Loads the alias's model and starts to follow the alias.
   *
   * @throws TriplineError errors of the registry and the session, because without a model there is nothing to serve
   */
  static async start(options: ModelServerOptions): Promise<ModelServer> {
    const version = await options.registry.aliasTarget(options.name, options.alias);
    return new ModelServer(options, await openServing(options, version));
  }

  get current(): ServedModel {
    return this.serving;
  }

  /** The reason why the model cannot be served properly; undefined if it can. */
  get failure(): TriplineError | undefined {
    return this.serving.session.failure;
  }

  /** The alias's version, if it failed its checks. */
  get refusal(): Refusal | undefined {
    return this.refused;
  }

  /**
   * Reads the alias now, and loads its version even if that was rejected before.
   *
   * @throws TriplineError if the alias's version cannot be loaded; the old model stays
   */
  reload(): Promise<void> {
    return this.exclusively(async () => {
      this.refused = undefined;
      const fault = await this.look();
      if (fault !== undefined) throw fault;
    });
  }

  /** Finishes requests in progress within a time limit, and then ends all threads. Accepts no more requests. */
  async drain(): Promise<void> {
    this.stopping.abort();
    await Promise.all([this.polling, this.looking]);
    this.retire(this.serving);
    await Promise.all(this.retiring);
  }

  /** Stops following the alias and ends all threads. Runs in progress fail, so drain the callers first. */
  async close(): Promise<void> {
    this.stopping.abort();
    await Promise.all([this.polling, this.looking]);
    const { batcher, session } = this.serving;
    batcher.close();
    await Promise.all([session.close(), ...this.retiring]);
  }

  private async poll(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      // Only an abort rejects here, and it ends the loop.
      await sleep(this.options.pollMs, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.exclusively(async () => void (await this.look()));
    }
  }

  /** Serialises reads. A call during another read starts a new read afterwards. */
  private exclusively(look: () => Promise<void>): Promise<void> {
    const own = this.looking.then(look);
    this.looking = own.catch(() => undefined);
    return own;
  }

  /** Replaces the model if the alias names another version. Returns the error if that fails, after logging it. */
  private async look(): Promise<TriplineError | undefined> {
    const { registry, name, alias, metrics, logger } = this.options;
    let target: string | undefined;
    try {
      target = await registry.aliasTarget(name, alias);
      if (this.options.isElsewhere?.(target) === true) return undefined;
      const isServed = target === this.serving.manifest.version;
      if (isServed) this.refused = undefined;
      if (isServed && this.failure === undefined) {
        this.lastFault = "";
        return undefined;
      }
      if (this.refused?.version === target && Date.now() < this.refused.retryAtMs) return undefined;
      const next = await openServing(this.options, target);
      if (this.stopping.signal.aborted) {
        await next.session.close();
        return new TriplineError("shutting-down", `Model ${name} has been unloaded.`);
      }
      this.retire(this.serving);
      this.serving = next;
      this.refused = undefined;
      this.lastFault = "";
      metrics.swapped();
      logger.info({ model: name, version: target, providers: next.providers }, "model replaced");
      return undefined;
    } catch (thrown) {
      const error = asTriplineError(thrown);
      this.noteFault(target, error);
      return error;
    }
  }

  /** Logs a fault once per version and code, however often it is retried. The old model stays. */
  private noteFault(target: string | undefined, error: TriplineError): void {
    const { name, alias, metrics, logger } = this.options;
    const isVerdict = error.code === "model-refused" || error.code === "config-invalid";
    if (target !== undefined && isVerdict) {
      this.refused = { version: target, reason: error.message, retryAtMs: Date.now() + REFUSED_RETRY_MS };
    }
    const fault = `${target} ${error.code}`;
    if (fault === this.lastFault) return;
    this.lastFault = fault;
    metrics.refused(error.code);
    const { version } = this.serving.manifest;
    logger.error(
      { code: error.code, model: name, alias, refused: target, version },
      `${error.message} The previous model stays in use.`,
    );
  }

  private retire({ batcher, session }: Serving): void {
    const timer = new AbortController();
    const late = sleep(DRAIN_MS_MAX, undefined, { signal: timer.signal }).catch(() => undefined);
    const retirement = Promise.race([batcher.drained(), late]).then(async () => {
      timer.abort();
      batcher.close();
      await session.close();
    });
    this.retiring.add(retirement);
    void retirement.finally(() => this.retiring.delete(retirement));
  }
}

async function openServing(options: ModelServerOptions, version: string): Promise<Serving> {
  const { logger, metrics } = options;
  const model = await options.registry.resolve(options.name, version);
  checkFeatureSpec(model.manifest, options.featureSpecVersion);
  const noteUnavailable = ({ provider, reason }: Unavailable) => {
    // Many models do not consist of trees, so this is not a warning.
    const level = provider === "trees" ? "info" : "warn";
    if (isAccelerator(provider)) metrics.fellBack(provider, isOutOfMemory(reason) ? "out-of-memory" : "unavailable");
    logger[level]({ provider, reason, version }, `the model does not run on ${provider}`);
  };
  const session = await ModelSession.open(model, {
    ...options.session,
    onMoved: ({ providers, unavailable }) => {
      unavailable.slice(-1).forEach(noteUnavailable);
      logger.warn({ version, providers }, `the model runs on ${providers.join(",")} until it is reloaded`);
    },
  });
  session.unavailable.forEach(noteUnavailable);
  const limits = options.limitsOf(session.providers);
  const tally = new ModelTally();
  const { manifest, parallelRunsMax: workers, unexplained } = session;
  const batcher = new RequestBatcher(session, limits, (run) => {
    tally.ran(run);
    metrics.ran(run, session);
  });
  return {
    manifest,
    workers,
    limits,
    unexplained,
    batcher,
    tally,
    session,
    get providers() {
      return session.providers;
    },
  };
}
