import type { ErrorCode } from "@tripline/contracts/error-table";
import type { Redis } from "ioredis";
import type { RebuildStep } from "../rebuild/rebuild-state.js";
import { RestoreMeter } from "./restore-meter.js";
import { clearProgress, writeProgress } from "./restore-progress.js";

const EVERY_MS = 1_000;
/** Some steps wait for minutes without a report. The stored progress expires after a minute. */
const RENEW_MS = 20_000;

/** Publishes the progress of a restore in Redis, for the instances of features. A failure does not affect the restore. */
export class ProgressPublisher {
  readonly #meter = new RestoreMeter();
  #renewing: NodeJS.Timeout | undefined;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #last: Promise<void> = Promise.resolve();
  /** Until then, the stored progress belongs to another restore. */
  #hasBegun = false;
  #isFailed = false;

  constructor(
    private readonly redis: Pick<Redis, "set" | "del">,
    private readonly renewMs = RENEW_MS,
  ) {}

  /** A `RebuildListener`. */
  publish(step: RebuildStep, done?: number, total?: number): void {
    this.#hasBegun = true;
    const measured = this.#meter.measure(step, done, total);
    if (performance.now() - this.#writtenAtMs < EVERY_MS) return;
    this.#writtenAtMs = performance.now();
    const write = () => this.#then(() => writeProgress(this.redis, measured));
    write();
    clearInterval(this.#renewing);
    this.#renewing = setInterval(write, this.renewMs).unref();
  }

  async fail(code: ErrorCode): Promise<void> {
    clearInterval(this.#renewing);
    if (!this.#hasBegun) return;
    this.#isFailed = true;
    this.#then(() => writeProgress(this.redis, { failure: code }));
    await this.#last;
  }

  async end(): Promise<void> {
    clearInterval(this.#renewing);
    if (this.#hasBegun && !this.#isFailed) this.#then(() => clearProgress(this.redis));
    await this.#last;
  }

  #then(work: () => Promise<void>): void {
    this.#last = this.#last.then(work).catch(() => {});
  }
}
