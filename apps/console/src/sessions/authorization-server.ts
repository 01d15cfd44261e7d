import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { decodeJwt } from "jose";
import * as oidc from "openid-client";
import { z } from "zod";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { Rights, Tokens } from "./session-store.js";

const TIMEOUT_S = 10;
const MS_PER_S = 1_000;
/** A token is not used this close to its expiry. */
const RENEW_BEFORE_MS = 30_000;

/** All scopes of the console; auth grants those of the user's roles. */
const SCOPES = [
  ...["openid", "offline_access", "profile", "decisions:read", "cases:read", "cases:write", "labels:write"],
  ...["features:read", "lists:read", "lists:write", "policy:read", "policy:write", "policy:approve", "models:read"],
  ...["models:write", "audit:read", "people:read", "people:write", "personal:read", "operations:read"],
  ...["operations:write", "webhooks:read", "webhooks:write", "overview:read"],
];

/** The claims of an access token: RFC 9068, with Tripline's claims. */
const accessClaims = z.object({
  sub: z.string().min(1),
  tenant: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  scope: z.string().default(""),
  roles: z.array(z.string()).default([]),
  name: z.string().optional(),
  exp: z.number(),
});

/** Values that must match when the browser returns. */
export const attempt = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), to: z.string() });
export type Attempt = z.infer<typeof attempt>;

export interface SignedIn {
  readonly rights: Rights;
  readonly tokens: Tokens;
}

/** Auth's URLs for browsers and for this service. The addresses may differ, but the issuer is the same. */
@Injectable()
export class AuthorizationServer {
  readonly #configuration: oidc.Configuration;
  /** Secret of the client that sends labels. */
  readonly #labels: oidc.Configuration;
  #relay: { readonly token: string; readonly endsMs: number } | undefined;
  readonly #redirect: string;

  constructor(@Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig) {
    const issuer = config.AUTH_ISSUER.replace(/\/$/, "");
    this.#configuration = new oidc.Configuration(
      {
        issuer: config.AUTH_ISSUER,
        authorization_endpoint: `${issuer}/oauth/authorize`,
        end_session_endpoint: `${issuer}/oauth/logout`,
        token_endpoint: config.AUTH_TOKEN_URL,
        jwks_uri: config.AUTH_JWKS_URL,
      },
      config.CONSOLE_CLIENT_ID,
      { client_secret: config.CONSOLE_CLIENT_SECRET, id_token_signed_response_alg: "ES256" },
      oidc.ClientSecretBasic(config.CONSOLE_CLIENT_SECRET),
    );
    this.#labels = new oidc.Configuration(
      { issuer: config.AUTH_ISSUER, token_endpoint: config.AUTH_TOKEN_URL },
      `${config.CONSOLE_CLIENT_ID}-labels`,
      { client_secret: config.CONSOLE_CLIENT_SECRET },
      oidc.ClientSecretBasic(config.CONSOLE_CLIENT_SECRET),
    );
    for (const one of [this.#configuration, this.#labels]) {
      one.timeout = TIMEOUT_S;
      // Plain HTTP is allowed, for services in one cluster or on one machine.
      if (config.AUTH_TOKEN_URL.startsWith("http:")) oidc.allowInsecureRequests(one);
    }
    this.#redirect = `${config.CONSOLE_URL}/session/callback`;
  }

  /** @param to path of the console to open after sign-in */
  async begin(to: string): Promise<{ attempt: Attempt; url: string }> {
    const begun = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier: oidc.randomPKCECodeVerifier(),
      to,
    };
    const url = oidc.buildAuthorizationUrl(this.#configuration, {
      redirect_uri: this.#redirect,
      response_type: "code",
      scope: SCOPES.join(" "),
      resource: this.config.AUTH_AUDIENCE,
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: "S256",
    });
    return { attempt: begun, url: url.href };
  }

  /**
   * @param search the query string of the URL to which the browser was redirected
   * @throws TriplineError `sign-in-failed` if auth rejects the sign-in, `keys-unavailable` if auth is down
   */
  async finish(search: string, { state, nonce, verifier }: Attempt): Promise<SignedIn> {
    try {
      const answer = await oidc.authorizationCodeGrant(
        this.#configuration,
        new URL(this.#redirect + search),
        { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
        { resource: this.config.AUTH_AUDIENCE },
      );
      const name = z.string().optional().catch(undefined).parse(answer.claims()?.name);
      return signedIn(answer, name, {});
    } catch (error) {
      throw asSignInError(error);
    }
  }

  /**
   * Token for sending labels of signed-out users; cached while valid.
   *
   * @throws TriplineError errors of `finish`
   */
  async relayToken(): Promise<string> {
    if (this.#relay !== undefined && Date.now() < this.#relay.endsMs) return this.#relay.token;
    try {
      const answer = await oidc.clientCredentialsGrant(this.#labels, {
        resource: this.config.AUTH_AUDIENCE,
        scope: "labels:relay",
      });
      const lifetimeMs = (answer.expires_in ?? 0) * MS_PER_S - RENEW_BEFORE_MS;
      this.#relay = { token: answer.access_token, endsMs: Date.now() + lifetimeMs };
      return answer.access_token;
    } catch (error) {
      throw asSignInError(error);
    }
  }

  /** @returns undefined if auth rejects the refresh token @throws TriplineError `auth-unavailable` if auth is down */
  async refresh(personName: string, before: Tokens): Promise<SignedIn | undefined> {
    if (before.refresh === undefined) return undefined;
    try {
      const parameters = { resource: this.config.AUTH_AUDIENCE };
      const answer = await oidc.refreshTokenGrant(this.#configuration, before.refresh, parameters);
      return signedIn(answer, personName, before);
    } catch (error) {
      const failure = asSignInError(error);
      if (failure.code === "sign-in-failed") return undefined;
      throw failure;
    }
  }

  /** URL that also ends the session at auth. */
  signOutUrl(given: Tokens): string {
    const hint: Record<string, string> = given.id === undefined ? {} : { id_token_hint: given.id };
    const parameters = { post_logout_redirect_uri: `${this.config.CONSOLE_URL}/`, ...hint };
    return oidc.buildEndSessionUrl(this.#configuration, parameters).href;
  }
}

function signedIn(answer: oidc.TokenEndpointResponse, name: string | undefined, before: Partial<Tokens>): SignedIn {
  // Not verified here, because it comes directly from auth. The services that receive it verify it.
  const read = accessClaims.safeParse(decodeJwt(answer.access_token));
  if (!read.success) throw new TriplineError("sign-in-failed", "The access token does not contain the user's tenant.");
  const { sub, tenant, scope, roles, exp } = read.data;
  const refresh = answer.refresh_token ?? before.refresh;
  const id = answer.id_token ?? before.id;
  return {
    rights: {
      tenant,
      personId: sub,
      personName: read.data.name ?? name ?? sub,
      roles,
      scopes: scope.split(" ").filter(Boolean),
      endsMs: exp * 1_000,
    },
    tokens: {
      access: answer.access_token,
      ...(refresh === undefined ? {} : { refresh }),
      ...(id === undefined ? {} : { id }),
    },
  };
}

function asSignInError(error: unknown): TriplineError {
  if (error instanceof TriplineError) return error;
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    const said = error.error_description ?? error.error;
    if (error instanceof oidc.AuthorizationResponseError || error.status < 500) {
      return new TriplineError("sign-in-failed", `The authorization server rejected the sign-in: ${said}.`, [], {
        cause: error,
      });
    }
  }
  if (
    error instanceof oidc.ClientError &&
    error.code !== "OAUTH_TIMEOUT" &&
    error.code !== "OAUTH_RESPONSE_IS_NOT_CONFORM"
  ) {
    return new TriplineError("sign-in-failed", "The authorization server sent an unexpected response.", [], {
      cause: error,
    });
  }
  return new TriplineError("auth-unavailable", "The authorization server is unavailable.", [], { cause: error });
}
