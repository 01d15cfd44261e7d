import type { JWK } from "jose";
import { importJWK, SignJWT } from "jose";
import { causeOf, TriplineError } from "./tripline-error.js";

export interface ClientCredentials {
  readonly clientId: string;
  /** The client's secret; for a client registered with a public key, the private key as a JWK with `alg` and `kid`. */
  readonly clientSecret?: string;
  readonly privateKey?: JWK;
  /** Default: all scopes of the client. */
  readonly scope?: string;
}

export interface AccessTokensOptions extends ClientCredentials {
  /** The authorization server's token endpoint. */
  readonly tokenUrl: string;
}

/** A token is renewed this long before it expires, so that it does not expire while a request is in transit. */
const RENEW_BEFORE_MS = 30_000;
const ANSWER_MS_MAX = 10_000;
const ASSERTION_SECONDS = 60;
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Fetches access tokens with OAuth 2.1 client credentials and caches the current one. */
export class AccessTokens {
  #current: { readonly header: string; readonly renewAtMs: number } | undefined;
  #fetching: Promise<string> | undefined;

  constructor(private readonly options: AccessTokensOptions) {}

  /**
   * The value of the `Authorization` header.
   *
   * @throws TriplineError `token-refused`; `unreachable`
   */
  async authorization(): Promise<string> {
    if (this.#current !== undefined && Date.now() < this.#current.renewAtMs) return this.#current.header;
    this.#fetching ??= this.#fetchToken().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  /** Call this after a service has rejected the current token. */
  renew(): void {
    this.#current = undefined;
  }

  async #fetchToken(): Promise<string> {
    const { scope, tokenUrl } = this.options;
    const { headers, parameters } = await this.#authentication();
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      ...parameters,
      ...(scope === undefined ? {} : { scope }),
    });
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(tokenUrl, { method: "POST", headers, body, signal }).catch((cause: unknown) => {
      const message = `${tokenUrl} is not responding (${causeOf(cause)}). It should issue access tokens.`;
      throw new TriplineError("unreachable", message, undefined, [], { cause });
    });
    if (!response.ok) {
      const message = `${tokenUrl} answered ${response.status}: ${(await response.text()).slice(0, 500)}`;
      throw new TriplineError("token-refused", message, response.status);
    }
    const { access_token, expires_in } = (await response.json()) as { access_token: string; expires_in: number };
    const header = `Bearer ${access_token}`;
    this.#current = { header, renewAtMs: Date.now() + expires_in * 1_000 - RENEW_BEFORE_MS };
    return header;
  }

  async #authentication(): Promise<{ headers: Record<string, string>; parameters: Record<string, string> }> {
    const { clientId, clientSecret, privateKey, tokenUrl } = this.options;
    if (privateKey === undefined) {
      const basic = [clientId, clientSecret ?? ""].map(encodeURIComponent).join(":");
      return { headers: { authorization: `Basic ${Buffer.from(basic).toString("base64")}` }, parameters: {} };
    }
    // RFC 7523 section 2.2.
    const { alg = "ES256", kid } = privateKey;
    const assertion = await new SignJWT()
      .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(tokenUrl)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime(`${ASSERTION_SECONDS}s`)
      .sign(await importJWK(privateKey, alg));
    return {
      headers: {},
      parameters: { client_id: clientId, client_assertion_type: ASSERTION_TYPE, client_assertion: assertion },
    };
  }
}
