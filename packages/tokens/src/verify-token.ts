import { clientKey, personKey } from "@tripline/contracts/auth-event-key";
import { TriplineError } from "@tripline/contracts/error-table";
import type { JWTVerifyGetKey } from "jose";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { z } from "zod";
import type { Revocations } from "./revocations.js";

/** The caller, as identified by the access token. */
export interface Caller {
  readonly tenant: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  /** The client of the token; for a machine client, also the subject. */
  readonly clientId: string;
  /** The user who owns the machine client. Absent for users, and for clients without an owner. */
  readonly owner?: string;
  /** The user for two-person rules: the owner of a machine client if it has one, otherwise the subject. */
  readonly principal: string;
  /** 0 if the token has none. */
  readonly issuedAtMs: number;
}

export type CallerKind = "client" | "person";

/** A user's token was issued to a different client, which signed the user in. */
export function kindOf({ clientId, subject }: Pick<Caller, "clientId" | "subject">): CallerKind {
  return clientId === subject ? "client" : "person";
}

export interface TokenVerifier {
  /**
   * Verifies an `Authorization` header: published keys, issuer, audience, expiry, revocations and one scope.
   *
   * @throws TriplineError `token-missing`, `token-invalid`, `token-expired`, `token-revoked`, `scope-missing` or
   *   `keys-unavailable`
   */
  verify(authorization: string | undefined, scope: string): Promise<Caller>;
  /**
   * Same as `verify`, but without a scope, if only the caller's identity matters. @throws TriplineError like `verify`,
   * except `scope-missing`
   */
  identify(authorization: string | undefined): Promise<Caller>;
  /**
   * The tenant of a token that was valid earlier, but may have expired or been revoked. Use this only for load
   * shedding, never for access.
   */
  tenantSeen(authorization: string | undefined): string | undefined;
  /** Rejects with `keys-unavailable` until the signing keys have been fetched once. */
  ready(): Promise<void>;
}

export interface TokenVerifierOptions {
  readonly issuer: string;
  readonly jwksUrl: string;
  readonly audience: string;
  /** Checked on each call. Default: no token is revoked. */
  readonly revocations?: Pick<Revocations, "isRevoked"> | undefined;
  /** Used instead of the keys at `jwksUrl` in the service that signs the tokens. */
  readonly keys?: JWTVerifyGetKey;
}

/** The claims of an RFC 9068 access token that Tripline uses. */
const claims = z.object({
  sub: z.string().min(1),
  tenant: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  scope: z.string().default(""),
  exp: z.number(),
  /** If absent, a token counts as the oldest. */
  iat: z.number().default(0),
  client_id: z.string().optional(),
  owner: z.string().min(1).optional(),
});

interface CachedCaller extends Caller {
  readonly expiresAtMs: number;
  /** Keys of the topic `auth-events` that concern this token. */
  readonly revocationKeys: readonly string[];
}

const CACHED_TOKENS_MAX = 10_000;
const KEYS_TIMEOUT_MS = 2_000;
/** Older keys are refreshed in the background, so that no call waits or fails while the issuer is unavailable. */
const KEYS_RENEW_AFTER_MS = 600_000;
/** Maximum age of keys while the issuer is unavailable. */
const KEYS_AGE_MS_MAX = 86_400_000;
/** Minimum delay between two fetches, after an unknown key or a failure. */
const KEYS_COOLDOWN_MS = 5_000;

/** Verifies tokens locally. A valid token is cached until it expires. */
export function tokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const remoteKeys = createRemoteJWKSet(new URL(options.jwksUrl), {
    timeoutDuration: KEYS_TIMEOUT_MS,
    cacheMaxAge: KEYS_AGE_MS_MAX,
    cooldownDuration: KEYS_COOLDOWN_MS,
  });
  let renewKeysAtMs = 0;
  const fetchKeys = async (): Promise<void> => {
    renewKeysAtMs = Date.now() + KEYS_COOLDOWN_MS;
    await remoteKeys.reload();
    renewKeysAtMs = Date.now() + KEYS_RENEW_AFTER_MS;
  };
  /** Called for each use and by readiness probes, which the service receives for as long as it runs. */
  const renewKeys = (): void => {
    // A call that finds no usable keys reports a failure.
    if (Date.now() >= renewKeysAtMs) fetchKeys().catch(() => {});
  };
  const currentKeys: JWTVerifyGetKey = (header, token) => {
    renewKeys();
    return remoteKeys(header, token);
  };
  const keys = options.keys ?? currentKeys;
  const { revocations } = options;
  const cache = new Map<string, CachedCaller>();

  async function check(token: string): Promise<CachedCaller> {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: options.issuer,
        audience: options.audience,
        typ: "at+jwt",
        algorithms: ["ES256", "RS256", "PS256", "EdDSA"],
      });
      const read = claims.safeParse(payload);
      if (!read.success)
        throw new TriplineError("token-invalid", "The access token lacks the tenant or subject claim.");
      const { sub, tenant, scope, exp, iat, client_id: clientId = sub } = read.data;
      const owner = clientId === sub ? read.data.owner : undefined;
      return {
        tenant,
        subject: sub,
        scopes: scope.split(" ").filter(Boolean),
        clientId,
        ...(owner === undefined ? {} : { owner }),
        principal: owner ?? sub,
        expiresAtMs: exp * 1_000,
        issuedAtMs: iat * 1_000,
        revocationKeys: [clientKey(clientId), personKey(sub)],
      };
    } catch (error) {
      throw asTokenError(error);
    }
  }

  async function keep(header: string, token: string): Promise<CachedCaller> {
    const caller = await check(token);
    const oldest = cache.keys().next().value;
    if (cache.size >= CACHED_TOKENS_MAX && oldest !== undefined) cache.delete(oldest);
    cache.set(header, caller);
    return caller;
  }

  async function identify(authorization: string | undefined): Promise<CachedCaller> {
    // The cache key is the header in its canonical form, `Bearer <token>`, the same for all calls with a token.
    let header = authorization ?? "";
    let caller = cache.get(header);
    if (caller === undefined) {
      const token = bearerToken(authorization);
      header = `Bearer ${token}`;
      caller = cache.get(header) ?? (await keep(header, token));
    }
    if (caller.expiresAtMs <= Date.now()) {
      cache.delete(header);
      throw new TriplineError("token-expired", "The access token has expired. Request a new one.");
    }
    if (revocations?.isRevoked(caller.revocationKeys, caller.issuedAtMs) === true) throw tokenRevoked();
    return caller;
  }

  return {
    identify,
    tenantSeen: (authorization) => cache.get(authorization ?? "")?.tenant,
    async verify(authorization, scope) {
      return requireScope(await identify(authorization), scope);
    },
    async ready() {
      if (options.keys !== undefined) return;
      if (remoteKeys.jwks() !== undefined) return renewKeys();
      try {
        await fetchKeys();
      } catch (error) {
        throw asTokenError(error);
      }
    },
  };
}

export function tokenRevoked(): TriplineError {
  return new TriplineError("token-revoked", "The access token was revoked. Sign in again.");
}

/** @throws TriplineError `scope-missing` */
export function requireScope<C extends Caller>(caller: C, scope: string): C {
  if (caller.scopes.includes(scope)) return caller;
  throw new TriplineError("scope-missing", `This request requires the scope ${scope}.`);
}

function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined) {
    throw new TriplineError("token-missing", "Send an access token in the header `Authorization: Bearer …`.");
  }
  const match = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization);
  if (match?.[1] === undefined) {
    throw new TriplineError("token-invalid", "The Authorization header does not contain a bearer token.");
  }
  return match[1];
}

function asTokenError(error: unknown): TriplineError {
  if (error instanceof TriplineError) return error;
  if (error instanceof errors.JWTExpired) {
    return new TriplineError("token-expired", "The access token has expired. Request a new one.");
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new TriplineError(
      "token-invalid",
      `The claim "${error.claim}" of the access token has an unexpected value.`,
    );
  }
  if (error instanceof errors.JWKSNoMatchingKey) {
    return new TriplineError("token-invalid", "The access token was signed with an unknown key.");
  }
  const answered = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
  if (answered && error.code !== "ERR_JOSE_GENERIC") {
    return new TriplineError("token-invalid", "The access token is malformed or has an invalid signature.");
  }
  return new TriplineError("keys-unavailable", "The issuer's signing keys cannot be fetched.", [], {
    cause: error,
  });
}
