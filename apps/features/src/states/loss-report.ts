import { Inject, Injectable } from "@nestjs/common";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";

/** Time between two log lines about the same loss. */
const REPEAT_MS = 60_000;

/** Logs lost states immediately, then every minute, and once they are restored. */
@Injectable()
export class LossReport {
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    @Inject(LOGGER) private readonly logger: Pick<Logger, "error" | "info">,
    /** A monotonic clock in milliseconds. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether the last event was counted with lost states. */
  get isLost(): boolean {
    return this.#saidAtMs >= 0;
  }

  /**
   * Call this for everything that is counted or read.
   *
   * @returns its argument
   */
  seen(isComplete: boolean): boolean {
    const nowMs = this.now();
    if (isComplete && this.#saidAtMs >= 0) {
      this.#saidAtMs = Number.NEGATIVE_INFINITY;
      this.logger.info("the window states are complete again");
    } else if (!isComplete && nowMs - this.#saidAtMs >= REPEAT_MS) {
      this.#saidAtMs = nowMs;
      this.logger.error(
        { code: "state-incomplete" },
        "Redis has lost the window states: payments get the default decision until the `snapshots` process has restored them. If " +
          "it cannot, run `npm run tripline -- rebuild-state`. See docs/operations.md, When Redis is lost.",
      );
    }
    return isComplete;
  }
}
