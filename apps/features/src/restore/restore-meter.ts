import type { RebuildStep } from "../rebuild/rebuild-state.js";

/** Share of a restore at which each step begins, from runs with two million states. */
const BEGINS: Readonly<Record<RebuildStep, number>> = {
  "wait for the features service": 0,
  "wait for the archive": 0.02,
  "fold the lake": 0.05,
  "fold the slices": 0.3,
  "find where to resume": 0.5,
  "write the states": 0.55,
  "publish the snapshot": 1,
};
/** The end of each step is the beginning of the next. */
const BOUNDS = [...new Set(Object.values(BEGINS))];
/** Below this share, the remaining time is a guess. */
const SHARE_MIN = 0.1;

export interface Measured {
  readonly share: number;
  /** Estimated remaining time; null if unknown. */
  readonly leftSeconds: number | null;
}

/** Estimates how much of a restore is done, and how long the remainder takes. */
export class RestoreMeter {
  #share = 0;
  readonly #startedAtMs: number;

  /** @param now a monotonic clock in milliseconds */
  constructor(private readonly now: () => number = () => performance.now()) {
    this.#startedAtMs = now();
  }

  /** @param done as for `RebuildListener` */
  measure(step: RebuildStep, done = 0, total = 0): Measured {
    const begin = BEGINS[step];
    const end = BOUNDS.find((bound) => bound > begin) ?? 1;
    const share = total > 0 ? begin + (end - begin) * Math.min(1, done / total) : begin;
    // If a fold cannot be used, another one follows.
    this.#share = Math.max(this.#share, share);
    const elapsedMs = this.now() - this.#startedAtMs;
    const leftMs = (elapsedMs * (1 - this.#share)) / this.#share;
    return { share: this.#share, leftSeconds: this.#share < SHARE_MIN ? null : Math.ceil(leftMs / 1_000) };
  }
}
