import { asTriplineError } from "@tripline/contracts/error-table";
import type { Logger } from "@tripline/telemetry/logger";
import { gauge } from "@tripline/telemetry/metrics";

const POLL_MS_DEFAULT = 1_000;
const MS_PER_S = 1_000;

export interface OutboxOptions {
  /** What is published, as the log names it. */
  readonly what: string;
  /** Name of the one that says for how long publishing has failed. */
  readonly gauge: `${string}_seconds`;
  readonly logger: Logger;
  /** How often it looks for what another instance committed, or Kafka did not take; once a second by default. */
  readonly pollMs?: number;
  /**
   * Publishes some of what was committed and is not published yet. Several instances do so at once.
   *
   * @returns whether there may be more
   */
  round(): Promise<boolean>;
}

/**
 * Publishes what a service has committed: when it is told to, and every so often, so that neither a crash nor an absence of
 * Kafka loses anything. What was committed is published at least once.
 */
export class OutboxPublisher {
  readonly #options: OutboxOptions;
  readonly #endReading: () => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #failingSinceMs: number | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const description = `For how long ${options.what} could not be published; 0 while they can`;
    this.#endReading = gauge(options.gauge, { description }, () =>
      this.#failingSinceMs === undefined ? 0 : (performance.now() - this.#failingSinceMs) / MS_PER_S,
    );
  }

  start(): void {
    this.#timer = setInterval(
      () => void this.publish().catch(() => undefined),
      this.#options.pollMs ?? POLL_MS_DEFAULT,
    );
    this.#timer.unref();
  }

  /**
   * Resolves when everything that was committed by now is published.
   *
   * @throws TriplineError `kafka-unavailable`, `database-unavailable`
   */
  publish(): Promise<void> {
    // What is under way may have begun before the caller's commit. All who come meanwhile share what follows it.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#running = this.#publishAll();
        return this.#running;
      });
    return this.#next;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#endReading();
    await (this.#next ?? this.#running).catch(() => undefined);
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
