import { setTimeout as delay } from "node:timers/promises";
import { FeastError, messageOf } from "./feast-error.js";
import type { CallOptions } from "./online-features.js";

const TIMEOUT_MS_DEFAULT = 2_000;
const ATTEMPTS_MAX_DEFAULT = 3;
const BACKOFF_MS_FIRST = 20;
const BACKOFF_MS_MAX = 500;
/** The maximum delay of a Node timer; a timer with a longer delay would fire immediately. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export interface CallPolicyOptions {
  /** Default timeout of a call in milliseconds, including retries; individual calls may override it. Default: 2000. */
  readonly timeoutMs?: number;
  /** Maximum attempts of a read while the server is unavailable. Writes are attempted only once. Default: 3. */
  readonly attemptsMax?: number;
}

/** Timeouts of calls and retries of reads. */
export class CallPolicy {
  private readonly timeoutMs: number;
  private readonly attemptsMax: number;

  constructor(options: CallPolicyOptions) {
    this.timeoutMs = checkTimeout(options.timeoutMs ?? TIMEOUT_MS_DEFAULT);
    this.attemptsMax = options.attemptsMax ?? ATTEMPTS_MAX_DEFAULT;
    if (!Number.isInteger(this.attemptsMax) || this.attemptsMax < 1) {
      throw new FeastError("invalid-request", "attemptsMax must be a whole number of at least 1.", "attemptsMax");
    }
  }

  /** Starts the timeout of a call. */
  startCall(options: CallOptions = {}): Call {
    const timeoutMs = options.timeoutMs === undefined ? this.timeoutMs : checkTimeout(options.timeoutMs);
    return new Call(timeoutMs, options.signal);
  }

  /**
   * Retries a read until it succeeds, fails permanently, or no time is left for another attempt. The pause before an
   * attempt is random, up to a limit that doubles, so that clients do not all return at once when a server recovers.
   */
  async retry<T>(call: Call, attempt: () => Promise<T>): Promise<T> {
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (attempts >= this.attemptsMax || !(error instanceof FeastError && error.isRetriable)) throw error;
        const pauseMs = Math.random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** attempts);
        if (call.remainingMs() <= pauseMs) throw error;
        await call.pause(pauseMs);
      }
    }
  }
}

function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX) return timeoutMs;
  throw new FeastError("invalid-request", "timeoutMs must be more than 0 and at most 2147483647.", "timeoutMs");
}

/** One call, with its deadline and the caller's signal. */
export class Call {
  private readonly deadlineMs: number;

  constructor(
    private readonly timeoutMs: number,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.deadlineMs = performance.now() + timeoutMs;
    if (signal?.aborted) throw this.aborted();
  }

  remainingMs(): number {
    return this.deadlineMs - performance.now();
  }

  /** A signal for client libraries, which is aborted by the caller or at the deadline. */
  abortSignal(): AbortSignal {
    const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(this.remainingMs())));
    return this.signal === undefined ? timeout : AbortSignal.any([this.signal, timeout]);
  }

  /** Why an operation under `abortSignal` ended: it was aborted by the caller, or reached the deadline, or neither. */
  endReason(): FeastError | undefined {
    if (this.signal?.aborted) return this.aborted();
    return this.remainingMs() <= 0 ? this.expired() : undefined;
  }

  async pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, this.signal === undefined ? {} : { signal: this.signal });
    } catch {
      throw this.aborted();
    }
  }

  /**
   * The promise, or an error at the deadline or when the caller aborts. A later result of the promise is ignored.
   *
   * @param explain a more specific error for the deadline
   */
  bound<T>(promise: Promise<T>, explain: () => FeastError = () => this.expired()): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // A signal that is already aborted emits no event.
      if (this.signal?.aborted) {
        promise.catch(() => {});
        reject(this.aborted());
        return;
      }
      const onAbort = () => settle(() => reject(this.aborted()));
      const timer = setTimeout(() => settle(() => reject(explain())), Math.max(0, this.remainingMs()));
      const settle = (how: () => void) => {
        clearTimeout(timer);
        this.signal?.removeEventListener("abort", onAbort);
        how();
      };
      this.signal?.addEventListener("abort", onAbort, { once: true });
      promise.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  expired(): FeastError {
    return new FeastError("deadline-exceeded", `There was no response within ${this.timeoutMs} ms.`);
  }

  aborted(): FeastError {
    const cause: unknown = this.signal?.reason;
    return new FeastError("aborted", `The caller cancelled the call: ${messageOf(cause)}.`, undefined, { cause });
  }
}
