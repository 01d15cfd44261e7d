/** Counts are kept by slots of this length. */
const SLOT_MS = 50;
/** Over how many slots a rate is taken: long enough for answers that arrive in bursts, short enough to follow a change. */
const SLOTS = 10;
const WINDOW_MS = SLOT_MS * SLOTS;
/** This many may always wait: before anything was answered, the rate is unknown. */
const CALLERS_ALWAYS = 100;
/** Time in which the highest rate of answers loses half of its weight. */
const PEAK_HALF_LIFE_MS = 60_000;
/** No answer for this long means that something downstream stands still. Callers then wait and are not rejected. */
const STANDSTILL_MS = 250;

/**
 * How many callers may wait for answers, derived from the rate of answers: by Little's law (L = λW) callers wait for W on
 * average when L of them wait and λ are answered a second. A caller is rejected while
 *
 * - more wait than are answered in `targetMs`, and more than 100, and
 * - more arrive than are answered: a backlog from a short standstill, as when a consumer group rebalances, is soon
 *   answered and is not a reason to reject others, and
 * - anything is answered at all, or callers were being rejected when the last one was answered.
 *
 * In the first half second in which more arrive than are answered, λ is the highest recent rate: few answers may just mean
 * that few had arrived. A fixed number would fit one rate on one machine. Times are milliseconds of a monotonic clock.
 */
export class WaitingBound {
  readonly #came = new SlidingCount();
  readonly #answered = new SlidingCount();
  #waiting = 0;
  #answeredAtMs: number;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  /** Whether callers were being rejected when the last one was answered. */
  #wasRejecting = false;
  /** Since when more arrive than are answered. */
  #overSinceMs: number;
  #peak = 0;
  #peakAtMs: number;

  /**
   * @param targetMs longest average wait of callers
   * @param now the time in milliseconds
   */
  constructor(
    private readonly targetMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#answeredAtMs = now();
    this.#overSinceMs = this.#answeredAtMs;
    this.#peakAtMs = this.#answeredAtMs;
  }

  /** Callers that wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Callers that may wait now. */
  get limit(): number {
    return this.#limitAt(this.now());
  }

  /** To be called for each caller that wants to wait. @returns whether it must be rejected */
  isTooMany(): boolean {
    const now = this.now();
    // Excludes this caller, because a single caller never exceeds the limit.
    const isOver = this.#came.at(now) > this.#answered.at(now);
    this.#came.add(now);
    if (!isOver) this.#overSinceMs = now;
    const standsStill = now - this.#answeredAtMs > Math.max(STANDSTILL_MS, this.targetMs);
    if (!isOver || (standsStill && !this.#wasRejecting) || this.#waiting < this.#limitAt(now)) return false;
    this.#refusedAtMs = now;
    return true;
  }

  begin(): void {
    if (this.#waiting === 0) this.#answeredAtMs = this.now();
    this.#waiting += 1;
  }

  /** Call it once per `begin`. @param isAnswered whether the caller got a decision */
  end(isAnswered: boolean): void {
    this.#waiting -= 1;
    if (!isAnswered) return;
    const now = this.now();
    this.#answeredAtMs = now;
    this.#wasRejecting = now - this.#refusedAtMs < WINDOW_MS;
    this.#answered.add(now);
    const answered = this.#answered.at(now);
    if (answered < this.#peakAt(now)) return;
    this.#peak = answered;
    this.#peakAtMs = now;
  }

  #limitAt(now: number): number {
    const answered = this.#answered.at(now);
    const isNew = now - this.#overSinceMs < WINDOW_MS;
    const inWindow = isNew ? Math.max(answered, this.#peakAt(now)) : answered;
    return Math.max(CALLERS_ALWAYS, (inWindow * this.targetMs) / WINDOW_MS);
  }

  /** Most answers in a recent window. */
  #peakAt(now: number): number {
    return this.#peak * 2 ** ((this.#peakAtMs - now) / PEAK_HALF_LIFE_MS);
  }
}

/** What was counted in the last `WINDOW_MS`. */
class SlidingCount {
  readonly #slots = new Uint32Array(SLOTS);
  #slot = 0;
  #sum = 0;

  add(nowMs: number): void {
    this.#moveTo(nowMs);
    const index = this.#slot % SLOTS;
    this.#slots[index] = (this.#slots[index] ?? 0) + 1;
    this.#sum += 1;
  }

  at(nowMs: number): number {
    this.#moveTo(nowMs);
    return this.#sum;
  }

  #moveTo(nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    if (slot === this.#slot) return;
    for (let passed = Math.max(this.#slot + 1, slot - SLOTS + 1); passed <= slot; passed += 1) {
      this.#sum -= this.#slots[passed % SLOTS] ?? 0;
      this.#slots[passed % SLOTS] = 0;
    }
    this.#slot = slot;
  }
}
