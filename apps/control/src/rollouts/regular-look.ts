import type { OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import { closeWithin } from "@tripline/nest-kit/close-within";
import type { Logger } from "@tripline/telemetry/logger";
import { labelledGauge } from "@tripline/telemetry/metrics";

/** Occasional failures are acceptable, but persistent ones must be reported. */
const UNGUARDED_MS_MAX = 60_000;
/** Time between two checks by the guards, which find a breach within a second of the payments that cause it. */
const LOOK_MS = 1_000;
const MS_PER_S = 1_000;

/** A guard that runs a check every second, never two at once. A persistent fault is logged once. */
export class RegularLook implements OnModuleInit, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #fault = "";
  #lookedAtMs = performance.now();
  #endGauge: (() => void) | undefined;

  /** @param what a plural noun for what the check guards */
  constructor(
    private readonly what: string,
    protected readonly logger: Logger,
    private readonly look: () => Promise<void>,
  ) {}

  /** For the readiness report; undefined while the check works. */
  get note(): string | undefined {
    const sinceMs = performance.now() - this.#lookedAtMs;
    if (sinceMs < UNGUARDED_MS_MAX) return undefined;
    return `the guard has not checked ${this.what} for ${Math.round(sinceMs / MS_PER_S)} s`;
  }

  onModuleInit(): void {
    this.#endGauge = labelledGauge(
      "tripline_control_unguarded_seconds",
      { description: "Time since the last successful check of a guard", labels: ["what"] },
      () => [[(performance.now() - this.#lookedAtMs) / MS_PER_S, { what: this.what }]],
    );
    this.#timer = setInterval(() => {
      this.#looking ??= this.#lookOnce().finally(() => {
        this.#looking = undefined;
      });
    }, LOOK_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    this.#endGauge?.();
    await closeWithin(this.logger, `guard of ${this.what}`, () => this.#looking);
  }

  async #lookOnce(): Promise<void> {
    try {
      await this.look();
      this.#fault = "";
      this.#lookedAtMs = performance.now();
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      if (message !== this.#fault) this.logger.error({ code }, `the guard cannot check ${this.what}: ${message}`);
      this.#fault = message;
    }
  }
}
