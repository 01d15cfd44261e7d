import type { KoaContextWithOIDC } from "oidc-provider";
import { errors } from "oidc-provider";
import { FailureLimiter } from "./limit-failures.js";

const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;
const KEYS_MAX = 10_000;
/** Longer ids belong to no client, and must not fill the memory. */
const CLIENT_ID_CHARACTERS_MAX = 64;

/** 429 in the form of RFC 6749 section 5.2. */
export class TooManyFailures extends errors.OIDCProviderError {
  constructor(readonly retryAfterSeconds: number) {
    super(429, "too_many_requests");
    this.error_description = "client authentication failed too often; try again later";
  }
}

/**
 * Slows down guessing: after ten failed client authentications within a minute, this client id is refused from this
 * address until the minute is over. The address is part of the key, so that whoever knows a client's id cannot lock
 * the client out from elsewhere; behind a proxy all callers have one address, and the id alone decides.
 */
export class ClientAuthGuard {
  private readonly limiter = new FailureLimiter({
    failuresMax: FAILURES_MAX,
    windowMs: WINDOW_MS,
    keysMax: KEYS_MAX,
  });
  private readonly attempts = new WeakMap<object, string>();

  /** To be called before the client is looked up. @throws TooManyFailures */
  begin(ctx: KoaContextWithOIDC, clientId: string): void {
    const key = `${clientId.slice(0, CLIENT_ID_CHARACTERS_MAX)} ${ctx.req.socket.remoteAddress ?? ""}`;
    const retryAfterSeconds = this.limiter.retryAfterSeconds(key);
    if (retryAfterSeconds !== undefined) throw new TooManyFailures(retryAfterSeconds);
    this.attempts.set(ctx, key);
  }

  /** To be called when the authentication of this request has failed. */
  fail(ctx: KoaContextWithOIDC): void {
    const key = this.attempts.get(ctx);
    if (key !== undefined) this.limiter.recordFailure(key);
  }
}
