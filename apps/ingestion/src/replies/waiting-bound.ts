/** Counts are kept by slots of this length. */
const SLOT_MS = 50;
/** Over how many slots a rate is taken: long enough for answers that come in clumps, short enough to follow a change. */
const SLOTS = 10;
const WINDOW_MS = SLOT_MS * SLOTS;
/** So many may wait at any rate: before anything was answered, nothing is known. */
const CALLERS_ALWAYS = 100;
/** In this time what is known of the highest rate of answers loses half of its weight. */
const PEAK_HALF_LIFE_MS = 60_000;
/** Nothing answered for so long means that something behind stands still. It is waited for, not shed. */
const STANDSTILL_MS = 250;

/**
 * How many callers may wait for answers, found from what is answered: by Little's law (L = λW) callers wait for W on average
 * when L = λW of them wait and λ are answered a second. Who comes is one too many while
 *
 * - more wait than are answered in `targetMs`, and more than 100, and
 * - more come than are answered: those who pile up while something stands still for a moment, as when a consumer group
 *   shares its partitions out anew, are soon gone again and are no reason to refuse others, and
 * - anything is answered at all, or callers were being refused when the last one was answered.
 *
 * In the first half second in which more come than are answered, λ is the highest rate of late: few answers may just mean
 * that few had come. A fixed number does all this for one rate on one machine. Times are milliseconds of a clock that never
 * goes back.
 */
export class WaitingBound {
  readonly #came = new SlidingCount();
  readonly #answered = new SlidingCount();
  #waiting = 0;
  #answeredAtMs: number;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  /** Whether it was too much when the last one was answered. */
  #wasTooMuch = false;
  /** Since when more come than are answered. */
  #overSinceMs: number;
  #peak = 0;
  #peakAtMs: number;

  /**
   * @param targetMs how long callers shall wait at most, on average
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

  /** Somebody comes who would wait. @returns whether that is one too many */
  isTooMany(): boolean {
    const now = this.now();
    // Without this one itself: who comes alone is no more than are answered.
    const isOver = this.#came.at(now) > this.#answered.at(now);
    this.#came.add(now);
    if (!isOver) this.#overSinceMs = now;
    const standsStill = now - this.#answeredAtMs > Math.max(STANDSTILL_MS, this.targetMs);
    if (!isOver || (standsStill && !this.#wasTooMuch) || this.#waiting < this.#limitAt(now)) return false;
    this.#refusedAtMs = now;
    return true;
  }

  begin(): void {
    if (this.#waiting === 0) this.#answeredAtMs = this.now();
    this.#waiting += 1;
  }

  /** To be called once for each `begin`. @param isAnswered whether the caller has what was waited for */
  end(isAnswered: boolean): void {
    this.#waiting -= 1;
    if (!isAnswered) return;
    const now = this.now();
    this.#answeredAtMs = now;
    this.#wasTooMuch = now - this.#refusedAtMs < WINDOW_MS;
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

  /** Most answers in a window of late. */
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
