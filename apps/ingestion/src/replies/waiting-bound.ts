/** Length of a slot in which replies are counted. */
const SLOT_MS = 50;
/** Slots per rate: enough to smooth bursts of results, few enough to follow changes. */
const SLOTS = 10;
const WINDOW_MS = SLOT_MS * SLOTS;
/** This many callers may always wait, because the rate is unknown before the first results. */
const CALLERS_ALWAYS = 100;
/** Half-life of the peak rate. */
const PEAK_HALF_LIFE_MS = 60_000;
/**
 * If there are no results for this long, a downstream service has stalled. Callers then wait instead of being rejected.
 */
const STANDSTILL_MS = 250;

/**
 * Limits the waiting callers according to the rate of results. By Little's law (L = λW), if L callers wait and λ get
 * results per second, the average wait is W. A caller is rejected if
 *
 * - more callers wait than get results within `targetMs`, and more than 100, and
 * - more callers arrive than get results: the backlog of a short stall, such as a rebalance of a consumer group, clears
 *   soon, so ingestion does not reject callers because of it, and
 * - there are results at all, or callers were already being rejected when the last one arrived.
 *
 * In the first half second in which more callers arrive than get results, λ is the recent peak rate, because few
 * results may only mean few earlier arrivals. Times are milliseconds of a monotonic clock.
 */
export class WaitingBound {
  readonly #came = new SlidingCount();
  readonly #answered = new SlidingCount();
  #waiting = 0;
  #answeredAtMs: number;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  /** Whether callers were being rejected when the last result arrived. */
  #wasRejecting = false;
  /** The time at which callers began to arrive faster than results. */
  #overSinceMs: number;
  #peak = 0;
  #peakAtMs: number;

  /**
   * @param targetMs maximum average wait of callers
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

  /** Number of waiting callers. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Current maximum of waiting callers. */
  get limit(): number {
    return this.#limitAt(this.now());
  }

  /** Call it for each caller that wants to wait. @returns whether it must be rejected */
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

  /** Peak number of results per window, decaying over time. */
  #peakAt(now: number): number {
    return this.#peak * 2 ** ((this.#peakAtMs - now) / PEAK_HALF_LIFE_MS);
  }
}

/** A count over the last `WINDOW_MS`. */
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
