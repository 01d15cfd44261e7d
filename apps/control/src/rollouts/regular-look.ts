import { asTriplineError } from "@tripline/contracts/error-table";
import type { Logger } from "@tripline/telemetry/logger";
import { labelledGauge } from "@tripline/telemetry/metrics";

/** How often guards judge: a breach is found within a second of the payments that show it. */
const LOOK_MS = 1_000;
const MS_PER_S = 1_000;

/** Looks at something every second, one look after the other. A fault is logged once, however long it lasts. */
export class RegularLook {
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #fault = "";
  #lookedAtMs = performance.now();
  #endGauge: (() => void) | undefined;

  /** @param what is not guarded where a look fails, in the plural */
  constructor(
    private readonly what: string,
    private readonly logger: Logger,
    private readonly look: () => Promise<void>,
  ) {}

  start(): void {
    this.#endGauge = labelledGauge(
      "tripline_control_unguarded_seconds",
      { description: "Since the last look of a guard that did not fail", labels: ["what"] },
      () => [[(performance.now() - this.#lookedAtMs) / MS_PER_S, { what: this.what }]],
    );
    this.#timer = setInterval(() => {
      this.#looking ??= this.#lookOnce().finally(() => {
        this.#looking = undefined;
      });
    }, LOOK_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#endGauge?.();
    await this.#looking;
  }

  async #lookOnce(): Promise<void> {
    try {
      await this.look();
      this.#fault = "";
      this.#lookedAtMs = performance.now();
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      if (message !== this.#fault) this.logger.error({ code }, `${this.what} cannot be guarded: ${message}`);
      this.#fault = message;
    }
  }
}
