/**
 * Number and maximum age of the decisions considered, chosen so that faults are reported and cleared within seconds.
 */
const DECISIONS_MAX = 100;
const AGE_MS_MAX = 60_000;
/** Fewer decisions are not conclusive, because their callers may not have left enough time for a score. */
const DECISIONS_MIN = 20;

/** Detects from the newest decisions whether all payments get the default decision. */
export class RecentDecisions {
  /** Times of the newest decisions, negative for default decisions; a ring buffer. */
  readonly #times = new Float64Array(DECISIONS_MAX);
  #next = 0;

  /** @param atMs wall clock */
  add(isDefault: boolean, atMs: number): void {
    this.#times[this.#next % DECISIONS_MAX] = isDefault ? -atMs : atMs;
    this.#next += 1;
  }

  /**
   * Number of decisions in the last minute if all of them are default decisions and there are enough of them; otherwise
   * 0.
   */
  defaultsOnly(nowMs: number): number {
    const recent = this.#times.filter((time) => time !== 0 && Math.abs(time) > nowMs - AGE_MS_MAX);
    return recent.length >= DECISIONS_MIN && recent.every((time) => time < 0) ? recent.length : 0;
  }

  /** For the readiness report; undefined while the policy decides payments. */
  note(nowMs: number): string | undefined {
    const decisions = this.defaultsOnly(nowMs);
    return decisions === 0 ? undefined : `degraded: all of the last ${decisions} payments got the default decision`;
  }
}
