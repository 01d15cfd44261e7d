/** Decisions that are looked back at, and for how long: a fault shows within seconds, and goes away as fast. */
const DECISIONS_MAX = 100;
const AGE_MS_MAX = 60_000;
/** Fewer say nothing: their callers may have given no time for a score. */
const DECISIONS_MIN = 20;

/** Detects from the newest decisions whether all payments get the default decision. */
export class RecentDecisions {
  /** When each was made, negative for a default decision; a ring of the newest ones. */
  readonly #times = new Float64Array(DECISIONS_MAX);
  #next = 0;

  /** @param atMs wall clock */
  add(isDefault: boolean, atMs: number): void {
    this.#times[this.#next % DECISIONS_MAX] = isDefault ? -atMs : atMs;
    this.#next += 1;
  }

  /** How many of the last minute's decisions there are to judge by, if every one of them is the default decision; else 0. */
  defaultsOnly(nowMs: number): number {
    const recent = this.#times.filter((time) => time !== 0 && Math.abs(time) > nowMs - AGE_MS_MAX);
    return recent.length >= DECISIONS_MIN && recent.every((time) => time < 0) ? recent.length : 0;
  }

  /** For the readiness report; undefined while payments are judged. */
  note(nowMs: number): string | undefined {
    const decisions = this.defaultsOnly(nowMs);
    return decisions === 0 ? undefined : `degraded: the last ${decisions} payments all got the default decision`;
  }
}
