import { TriplineError } from "@tripline/contracts/error-table";

/** A partition whose oldest records have been failing for this long counts as stuck. */
export const STUCK_MS = 60_000;

interface Failure {
  /** Time of the first failure since the partition's last success, on the clock of `performance.now()`. */
  readonly sinceMs: number;
  readonly error: TriplineError;
}

/** The partitions of one consumer whose oldest records are currently failing, by `topic/partition`. */
export class FailingPartitions {
  readonly #failures = new Map<string, Failure>();

  /** @param onChange called when a partition starts to fail, and with `undefined` when the failure is over */
  constructor(private readonly onChange: (key: string, sinceMs: number | undefined) => void) {}

  failed(key: string, error: TriplineError): void {
    const known = this.#failures.get(key);
    const sinceMs = known?.sinceMs ?? performance.now();
    this.#failures.set(key, { sinceMs, error });
    if (known === undefined) this.onChange(key, sinceMs);
  }

  /** The partition's records were handled, or another consumer owns it now. */
  ended(key: string): void {
    if (this.#failures.delete(key)) this.onChange(key, undefined);
  }

  /**
   * The error of the partition that has been failing longest, if for more than `afterMs`. The message names the
   * partition.
   */
  stuck(afterMs = STUCK_MS): TriplineError | undefined {
    const [oldest] = [...this.#failures].sort(([, a], [, b]) => a.sinceMs - b.sinceMs);
    if (oldest === undefined) return undefined;
    const [key, { sinceMs, error }] = oldest;
    const failingMs = performance.now() - sinceMs;
    if (failingMs < afterMs) return undefined;
    const others = this.#failures.size === 1 ? "" : ` ${this.#failures.size - 1} more partitions fail as well.`;
    const sentence = `Partition ${key} has been stuck for ${Math.round(failingMs / 1_000)} s: ${error.message}.${others}`;
    return new TriplineError(error.code, sentence, [], { cause: error });
  }
}
