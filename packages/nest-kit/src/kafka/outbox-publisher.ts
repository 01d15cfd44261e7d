import type { OnApplicationBootstrap, OnApplicationShutdown } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { Logger } from "@tripline/telemetry/logger";
import { gauge } from "@tripline/telemetry/metrics";
import { closeWithin } from "../close-within.js";

const POLL_MS_DEFAULT = 1_000;
const MS_PER_S = 1_000;

export interface OutboxOptions {
  /** Name of the published data in the log. */
  readonly what: string;
  /** Metric for how long publishing has been failing. */
  readonly gauge: `${string}_seconds`;
  readonly logger: Logger;
  /** How often it checks for rows that another instance committed or Kafka rejected. Default: once per second. */
  readonly pollMs?: number;
  /**
   * Publishes some of the committed, unpublished rows. Several instances may do this at the same time.
   *
   * @returns whether there may be more rows
   */
  round(): Promise<boolean>;
}

/**
 * Publishes a service's committed rows on request and periodically, so that no row is lost in a crash or a Kafka
 * outage. Delivery is at least once. Each subclass is a provider for one kind of row.
 */
export class OutboxPublisher implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #options: OutboxOptions;
  readonly #endReading: () => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #failingSinceMs: number | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const description = `How long ${options.what} have been waiting to be published since the first failure; 0 if publishing works`;
    this.#endReading = gauge(options.gauge, { description }, () =>
      this.#failingSinceMs === undefined ? 0 : (performance.now() - this.#failingSinceMs) / MS_PER_S,
    );
  }

  /** A note for the readiness report and the Health screen if rows cannot be published. */
  get note(): string | undefined {
    return this.#failingSinceMs === undefined ? undefined : `${this.#options.what} cannot be published`;
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => void this.flush().catch(() => undefined), this.#options.pollMs ?? POLL_MS_DEFAULT);
    this.#timer.unref();
  }

  /**
   * Resolves once everything committed so far is published.
   *
   * @throws TriplineError `kafka-unavailable`, `database-unavailable`
   */
  flush(): Promise<void> {
    // The current run may have started before the caller's commit. All callers that arrive during this run share the
    // next run.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#running = this.#publishAll();
        return this.#running;
      });
    return this.#next;
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    this.#endReading();
    const { logger, what } = this.#options;
    await closeWithin(logger, what, () => (this.#next ?? this.#running).catch(() => undefined));
  }

  async #publishAll(): Promise<void> {
    const { what, logger, round } = this.#options;
    try {
      while (await round());
      this.#failingSinceMs = undefined;
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      if (this.#failingSinceMs === undefined) logger.error({ code }, `${what} cannot be published: ${message}`);
      this.#failingSinceMs ??= performance.now();
      throw thrown;
    }
  }
}
