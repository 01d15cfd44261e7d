import type { TrustedProxies } from "@tripline/http/client-address";
import type { KoaContextWithOIDC } from "oidc-provider";
import { errors } from "oidc-provider";
import { FailureLimiter } from "./failure-limiter.js";

const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;
const KEYS_MAX = 10_000;
/** No client ID is longer than this. Longer values are truncated, so that they cannot fill the memory. */
const CLIENT_ID_CHARACTERS_MAX = 64;

/** A 429 response in the format of RFC 6749 section 5.2. */
export class TooManyFailures extends errors.OIDCProviderError {
  constructor(readonly retryAfterSeconds: number) {
    super(429, "too_many_requests");
    this.error_description = "client authentication failed too often; try again later";
  }
}

interface Attempt {
  readonly key: string;
  /** Whether the limiter already counts this attempt as a failure. */
  isCounted: boolean;
}

/**
 * Slows down guessing: after ten failed authentications within a minute, this client ID is rejected from this address
 * until the minute ends. The address is part of the key, so that knowing a client's ID is not enough to lock it out
 * from elsewhere. Behind an untrusted proxy, all callers have the same address, so only the ID distinguishes them.
 */
export class ClientAuthGuard {
  private readonly limiter = new FailureLimiter({
    failuresMax: FAILURES_MAX,
    windowMs: WINDOW_MS,
    keysMax: KEYS_MAX,
  });
  constructor(private readonly proxies: TrustedProxies) {}

  private readonly attempts = new WeakMap<object, Attempt>();

  /** Call it before looking up the client. @throws TooManyFailures */
  begin(ctx: KoaContextWithOIDC, clientId: string): void {
    const key = `${clientId.slice(0, CLIENT_ID_CHARACTERS_MAX)} ${this.proxies.addressOf(ctx.req)}`;
    this.attempts.set(ctx, { key, isCounted: false });
    refuse(this.limiter.retryAfterSeconds(key));
  }

  /**
   * Call it before hashing the secret of a request. Attempts in progress count as failures, because many concurrent
   * guesses would otherwise be hashed before the first one fails.
   *
   * @throws TooManyFailures
   */
  beginSecret(ctx: object): void {
    const attempt = this.attempts.get(ctx);
    if (attempt === undefined) return;
    refuse(this.limiter.begin(attempt.key));
    attempt.isCounted = true;
  }

  /** Call it after `beginSecret`. */
  endSecret(ctx: object, isWrong: boolean): void {
    const attempt = this.attempts.get(ctx);
    if (attempt === undefined) return;
    this.limiter.end(attempt.key, isWrong);
    attempt.isCounted = isWrong;
  }

  /** Call it when the authentication of this request has failed. */
  fail(ctx: object): void {
    const attempt = this.attempts.get(ctx);
    if (attempt?.isCounted === false) this.limiter.recordFailure(attempt.key);
  }
}

function refuse(retryAfterSeconds: number | undefined): void {
  if (retryAfterSeconds !== undefined) throw new TooManyFailures(retryAfterSeconds);
}
