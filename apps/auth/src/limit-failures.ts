interface Window {
  failures: number;
  readonly endsAtMs: number;
}

export interface FailureLimits {
  /** Failures of one key within one window after which it is refused. */
  readonly failuresMax: number;
  readonly windowMs: number;
  /** Keys that are remembered at once; the oldest window is forgotten first. */
  readonly keysMax: number;
}

/** Counts failures per key in fixed windows. */
export class FailureLimiter {
  private readonly windows = new Map<string, Window>();

  constructor(
    private readonly limits: FailureLimits,
    private readonly now: () => number = Date.now,
  ) {}

  /** @returns whole seconds until the key may try again; `undefined` when it may now */
  retryAfterSeconds(key: string): number | undefined {
    const window = this.current(key);
    if (window === undefined || window.failures < this.limits.failuresMax) return undefined;
    return Math.max(1, Math.ceil((window.endsAtMs - this.now()) / 1_000));
  }

  recordFailure(key: string): void {
    const window = this.current(key);
    if (window !== undefined) {
      window.failures += 1;
      return;
    }
    const oldest = this.windows.keys().next().value;
    if (this.windows.size >= this.limits.keysMax && oldest !== undefined) this.windows.delete(oldest);
    this.windows.set(key, { failures: 1, endsAtMs: this.now() + this.limits.windowMs });
  }

  private current(key: string): Window | undefined {
    const window = this.windows.get(key);
    if (window !== undefined && window.endsAtMs > this.now()) return window;
    this.windows.delete(key);
    return undefined;
  }
}
