import { asTriplineError } from "@tripline/contracts/error-table";
import type { Redis } from "ioredis";
import type { RebuildStep } from "../rebuild/rebuild-state.js";
import { AnotherRebuild } from "../states/rebuild-hold.js";
import { RestoreMeter } from "./restore-meter.js";
import { clearProgress, writeProgress } from "./restore-progress.js";

const EVERY_MS = 1_000;
/** Some steps wait for minutes without a report. The stored progress expires after a minute. */
const RENEW_MS = 20_000;

type Connection = Pick<Redis, "set" | "del">;

/** Publishes the progress of a restore in Redis, for the instances of features. A failure does not affect the restore. */
export class ProgressPublisher {
  readonly #meter = new RestoreMeter();
  #renewing: NodeJS.Timeout | undefined;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #last: Promise<void> = Promise.resolve();
  /** Until then, the stored progress belongs to another restore. */
  #hasBegun = false;

  constructor(
    private readonly redis: Connection,
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

  /**
   * Ends the publication when a restore ends. The error code of an automatic one stays, since nobody sees its output.
   */
  async during<T>(isAutomatic: boolean, restore: () => Promise<T>): Promise<T> {
    try {
      const result = await restore();
      this.#finish((redis) => clearProgress(redis));
      return result;
    } catch (thrown) {
      this.#finish((redis) => this.#fail(redis, isAutomatic, thrown));
      throw thrown;
    } finally {
      await this.#last;
    }
  }

  async #fail(redis: Connection, isAutomatic: boolean, thrown: unknown): Promise<void> {
    const isOther = thrown instanceof AnotherRebuild;
    // The stored progress is the other one's.
    if (isOther && thrown.isRunning) return;
    if (isAutomatic && !isOther) await writeProgress(redis, { failure: asTriplineError(thrown).code });
    else await clearProgress(redis);
  }

  #finish(write: (redis: Connection) => Promise<void>): void {
    clearInterval(this.#renewing);
    if (this.#hasBegun) this.#then(() => write(this.redis));
  }

  #then(work: () => Promise<void>): void {
    this.#last = this.#last.then(work).catch(() => {});
  }
}
