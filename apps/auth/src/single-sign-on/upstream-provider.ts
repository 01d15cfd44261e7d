import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Resolve } from "@tripline/http/egress/check-target";
import { AllowedNetworks } from "@tripline/http/egress/networks";
import * as oidc from "openid-client";
import { z } from "zod";
import type { AuthConfig } from "../config.js";
import { AUTH_CONFIG } from "../config.js";
import { checkedFetch, REQUEST_MS_MAX } from "./fetch-checked.js";
import { checkIssuer } from "./provider-settings.js";
import type { IdentityProvider } from "./provider-store.js";
import { ProviderSecrets, settingsChanged } from "./provider-store.js";
import { Slots } from "./slots.js";

/** Resolves the host names of providers. */
export const RESOLVE = Symbol("RESOLVE");

const CLOCK_TOLERANCE_SECONDS = 30;
/** Anyone can start a sign-in, so new sign-ins must not use the slots of users who return from the provider. */
const SLOTS = { perTenantMax: 4, allMax: 32, waitMsMax: 1_000 };
const SLOTS_OF_RETURNING = { perTenantMax: 8, allMax: 32, waitMsMax: 5_000 };
const busy = () => new TriplineError("queue-full", "Too many users are signing in. Try again later.");
const MS_PER_S = 1_000;

/** Values that must match when the browser returns from the provider. */
export const upstreamAttempt = z.object({
  tenant: z.string(),
  issuer: z.string(),
  client_id: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  atMs: z.number(),
  /** Whether the client requires the user to sign in again. */
  isAgain: z.boolean().default(false),
  /** Maximum time since the user signed in at the provider, if the client requires one. */
  maxAgeSeconds: z.number().optional(),
});

type Connection = Pick<IdentityProvider, "tenant" | "issuer" | "client_id" | "client_secret">;

export type UpstreamAttempt = z.infer<typeof upstreamAttempt>;

/** The client's requirements for the sign-in. */
export type Freshness = Pick<UpstreamAttempt, "isAgain" | "maxAgeSeconds">;

/** A provider's claims about the user who signed in. */
export interface UpstreamUser {
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Signs users in with the tenant's OpenID Connect provider: authorization code with PKCE, state and nonce. The provider's
 * metadata and keys are read for each sign-in, so that rotated keys take effect immediately.
 */
@Injectable()
export class UpstreamProvider {
  readonly #allowed: AllowedNetworks;
  readonly #secrets: ProviderSecrets;
  readonly #base: string;
  readonly #slots = new Slots(SLOTS, busy);
  readonly #slotsOfReturning = new Slots(SLOTS_OF_RETURNING, busy);

  constructor(
    @Inject(AUTH_CONFIG) config: AuthConfig,
    @Inject(RESOLVE) private readonly resolve: Resolve,
  ) {
    this.#allowed = new AllowedNetworks(config.PROVIDER_ALLOWED_NETWORKS);
    this.#secrets = new ProviderSecrets(config.KEY_ENCRYPTION_KEY);
    this.#base = `${config.AUTH_ISSUER}/single-sign-on`;
  }

  /**
   * @param uid ID of the sign-in to which the browser returns
   * @throws TriplineError `provider-unavailable`, `provider-url-refused`, `queue-full`
   */
  begin(
    provider: IdentityProvider,
    uid: string,
    freshness: Freshness = { isAgain: false },
  ): Promise<{ readonly attempt: UpstreamAttempt; readonly url: string }> {
    const { isAgain, maxAgeSeconds } = freshness;
    const { tenant, issuer, client_id } = provider;
    return bounded(this.#slots, tenant, async (deadline) => {
      const configuration = await this.#discover(provider, deadline);
      const attempt = {
        ...{ tenant, issuer, client_id },
        state: `${uid}.${oidc.randomState()}`,
        nonce: oidc.randomNonce(),
        verifier: oidc.randomPKCECodeVerifier(),
        atMs: Date.now(),
        ...freshness,
      };
      const url = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: this.#redirectOf(tenant),
        response_type: "code",
        scope: provider.scope,
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: "S256",
        ...(isAgain ? { prompt: "login" } : {}),
        ...(maxAgeSeconds === undefined ? {} : { max_age: String(maxAgeSeconds) }),
      });
      return { attempt, url: url.href };
    });
  }

  /**
   * Exchanges the code, and checks the ID token: signature, algorithm, issuer, audience, expiry and nonce.
   *
   * @param search the query string of the browser's return
   * @param consume called before the exchange, but not if the error is `queue-full`, so that the user can try again
   * @throws TriplineError `sign-in-failed` if the sign-in is rejected; errors of `begin`
   */
  finish(
    provider: IdentityProvider,
    attempt: UpstreamAttempt,
    search: string,
    consume: () => Promise<unknown>,
  ): Promise<UpstreamUser> {
    const { tenant } = provider;
    const exchange = async (deadline: AbortSignal): Promise<UpstreamUser> => {
      if (provider.issuer !== attempt.issuer || provider.client_id !== attempt.client_id) throw settingsChanged();
      const configuration = await this.#discover(provider, deadline);
      const answer = await oidc.authorizationCodeGrant(configuration, new URL(this.#redirectOf(tenant) + search), {
        expectedState: attempt.state,
        expectedNonce: attempt.nonce,
        pkceCodeVerifier: attempt.verifier,
        idTokenExpected: true,
      });
      const claims: Record<string, unknown> = answer.claims() ?? {};
      checkFreshness(attempt, claims.auth_time);
      return { claims };
    };
    return bounded(this.#slotsOfReturning, tenant, exchange, consume);
  }

  /** Checks that the provider can be reached. @throws errors of `begin` */
  async check(provider: Connection): Promise<void> {
    await bounded(this.#slots, provider.tenant, (deadline) => this.#discover(provider, deadline));
  }

  /**
   * Each tenant has its own redirect URI, because a provider sends codes only to URIs that its client registered. If
   * tenants shared a URI, a tenant's provider could obtain and use the codes of another tenant's users (RFC 9700, 4.4).
   */
  #redirectOf(tenant: string): string {
    return `${this.#base}/${tenant}/callback`;
  }

  /** @param deadline of the sign-in step, for all its requests */
  async #discover(provider: Connection, deadline: AbortSignal): Promise<oidc.Configuration> {
    const secret = this.#secrets.open(provider);
    if (secret === undefined) throw new TriplineError("internal", "The secret of a provider cannot be decrypted.");
    const isPlain = provider.issuer.startsWith("http:");
    const configuration = await oidc.discovery(
      new URL(provider.issuer),
      provider.client_id,
      { [oidc.clockTolerance]: CLOCK_TOLERANCE_SECONDS },
      clientAuth(secret),
      {
        timeout: REQUEST_MS_MAX / MS_PER_S,
        [oidc.customFetch]: checkedFetch(this.#allowed, this.resolve, deadline),
        // Without this, the signature of an ID token from the token endpoint would not be checked. Plain HTTP is
        // limited to allowed networks by `checkTarget`.
        execute: [oidc.enableNonRepudiationChecks, ...(isPlain ? [oidc.allowInsecureRequests] : [])],
      },
    );
    checkIssuer(provider.issuer, configuration.serverMetadata().issuer);
    return configuration;
  }
}

/** @throws TriplineError for all errors of the requests, including those of the library; errors of `prepare` */
function bounded<T>(
  slots: Slots,
  tenant: string,
  request: (deadline: AbortSignal) => Promise<T>,
  prepare?: () => Promise<unknown>,
): Promise<T> {
  return slots.use(tenant, async () => {
    await prepare?.();
    try {
      return await request(AbortSignal.timeout(REQUEST_MS_MAX));
    } catch (error) {
      throw asSignInError(error);
    }
  });
}

/** Providers may ignore `prompt` and `max_age`. @throws TriplineError `sign-in-failed` */
function checkFreshness({ isAgain, maxAgeSeconds, atMs }: UpstreamAttempt, authTime: unknown): void {
  const oldestMs = Math.max(
    isAgain ? atMs : Number.NEGATIVE_INFINITY,
    maxAgeSeconds === undefined ? Number.NEGATIVE_INFINITY : Date.now() - maxAgeSeconds * MS_PER_S,
  );
  if (oldestMs === Number.NEGATIVE_INFINITY) return;
  const oldestSeconds = oldestMs / MS_PER_S - CLOCK_TOLERANCE_SECONDS;
  if (typeof authTime === "number" && authTime >= oldestSeconds) return;
  const detail =
    "You must sign in again, but your identity provider did not ask you to. Sign out of the provider, then start again.";
  throw new TriplineError("sign-in-failed", detail);
}

/** The method from the provider's metadata, or the specification's default if there is none. */
function clientAuth(secret: string): oidc.ClientAuth {
  const [basic, post] = [oidc.ClientSecretBasic(secret), oidc.ClientSecretPost(secret)];
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported;
    const usesBasic = methods === undefined || methods.includes("client_secret_basic");
    return (usesBasic ? basic : post)(server, client, body, headers);
  };
}

/** One sentence per cause, for the user who cannot sign in. The provider's own text is not shown. */
function asSignInError(error: unknown): TriplineError {
  const failed = (detail: string) => new TriplineError("sign-in-failed", detail, [], { cause: error });
  if (error instanceof TriplineError) return error;
  // The library wraps errors of `checkedFetch`.
  if (error instanceof oidc.ClientError && error.cause instanceof TriplineError) return error.cause;
  if (error instanceof oidc.AuthorizationResponseError) {
    return failed("Your identity provider rejected the sign-in. Ask your administrator for access.");
  }
  // Providers that accept HTTP Basic reject a wrong or expired secret with a challenge (RFC 6749, 5.2).
  const isChallenge = error instanceof oidc.WWWAuthenticateChallengeError;
  if (isChallenge || (error instanceof oidc.ResponseBodyError && error.status < 500)) {
    return failed(
      !isChallenge && error.error === "invalid_grant"
        ? "Your identity provider no longer accepts this sign-in. Start again."
        : "Your identity provider rejects Tripline. An administrator must check the client ID and the secret.",
    );
  }
  const code = error instanceof oidc.ClientError ? error.code : undefined;
  if (code === "OAUTH_JWT_TIMESTAMP_CHECK_FAILED") {
    return failed(
      `The clocks of Tripline and your identity provider differ by more than ${CLOCK_TOLERANCE_SECONDS} seconds, or the sign-in took too long.`,
    );
  }
  const isUnavailable = code === "OAUTH_TIMEOUT" || code === "OAUTH_RESPONSE_IS_NOT_CONFORM";
  if (error instanceof oidc.ClientError && !isUnavailable) {
    return failed("Your identity provider sent an invalid response. Start again, or ask an administrator.");
  }
  return new TriplineError("provider-unavailable", "Your identity provider is unavailable. Try again later.", [], {
    cause: error,
  });
}
