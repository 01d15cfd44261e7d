export interface CircuitBreakerOptions {
  /** Consecutive failures after which the circuit opens. */
  readonly failuresMax: number;
  /** Time for which it stays open before one attempt is let through, in milliseconds. */
  readonly openMs: number;
  /** A monotonic clock in milliseconds. */
  readonly nowMs: () => number;
}

/** Remembers that a server is down, so that not every caller has to wait for a timeout. */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  #failures = 0;
  #rejection: string | undefined;
  #openUntilMs = 0;

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
  }

  /** How the server rejected the latest failed call; undefined if it did not respond. */
  get rejection(): string | undefined {
    return this.#rejection;
  }

  /** Whether a call should be tried. While the peer is down, returns true to one caller per `openMs`. */
  allows(): boolean {
    if (this.#failures < this.#options.failuresMax) return true;
    const nowMs = this.#options.nowMs();
    if (nowMs < this.#openUntilMs) return false;
    this.#openUntilMs = nowMs + this.#options.openMs;
    return true;
  }

  /** @returns whether this ends a series of failures */
  succeeded(): boolean {
    const failed = this.#failures > 0;
    this.#failures = 0;
    return failed;
  }

  /**
   * @param rejection the status of a response that rejected the call
   * @returns whether this begins a series of failures
   */
  failed(rejection?: string): boolean {
    this.#failures += 1;
    this.#rejection = rejection;
    this.#openUntilMs = this.#options.nowMs() + this.#options.openMs;
    return this.#failures === 1;
  }
}
