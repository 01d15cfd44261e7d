interface Window {
  failures: number;
  /** Attempts in progress, which may still fail. */
  pending: number;
  readonly endsAtMs: number;
}

export interface FailureLimits {
  /** A key is rejected after this many failures within one window. */
  readonly failuresMax: number;
  readonly windowMs: number;
  /** Maximum number of keys; the oldest window is dropped first. */
  readonly keysMax: number;
}

/** Counts failures per key in fixed windows. */
export class FailureLimiter {
  private readonly windows = new Map<string, Window>();

  constructor(
    private readonly limits: FailureLimits,
    private readonly now: () => number = Date.now,
  ) {}

  /** @returns whole seconds until the next attempt with this key; `undefined` if it may take place now */
  retryAfterSeconds(key: string): number | undefined {
    const window = this.current(key);
    if (window === undefined || window.failures < this.limits.failuresMax) return undefined;
    return this.secondsLeft(window);
  }

  recordFailure(key: string): void {
    this.open(key).failures += 1;
  }

  /** Begins an attempt. @returns the same as `retryAfterSeconds`, but attempts in progress count as failures */
  begin(key: string): number | undefined {
    const window = this.open(key);
    if (window.failures + window.pending >= this.limits.failuresMax) return this.secondsLeft(window);
    window.pending += 1;
    return undefined;
  }

  /** Ends an attempt. */
  end(key: string, isFailure: boolean): void {
    const window = this.open(key);
    // 0 if the window is newer than the attempt.
    window.pending = Math.max(0, window.pending - 1);
    if (isFailure) window.failures += 1;
  }

  private open(key: string): Window {
    const current = this.current(key);
    if (current !== undefined) return current;
    const oldest = this.windows.keys().next().value;
    if (this.windows.size >= this.limits.keysMax && oldest !== undefined) this.windows.delete(oldest);
    const window = { failures: 0, pending: 0, endsAtMs: this.now() + this.limits.windowMs };
    this.windows.set(key, window);
    return window;
  }

  private secondsLeft(window: Window): number {
    return Math.max(1, Math.ceil((window.endsAtMs - this.now()) / 1_000));
  }

  private current(key: string): Window | undefined {
    const window = this.windows.get(key);
    if (window !== undefined && window.endsAtMs > this.now()) return window;
    this.windows.delete(key);
    return undefined;
  }
}
