import { z } from "zod";
import { causeOf } from "./find-access.js";

export interface TokenSourceOptions {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** All that the client is registered for, unless given. */
  readonly scope?: string;
}

const tokenResponse = z.object({ access_token: z.string(), expires_in: z.number() });

/** A token is renewed this long before it expires, so that no request travels with one that has just run out. */
const RENEW_BEFORE_MS = 30_000;

/** Fetches access tokens by OAuth client credentials and keeps the current one. */
export class TokenSource {
  private current: { header: string; renewAtMs: number } | undefined;
  private fetching: Promise<string> | undefined;

  constructor(private readonly options: TokenSourceOptions) {}

  /** Value of the `Authorization` header. */
  async authorization(): Promise<string> {
    if (this.current !== undefined && Date.now() < this.current.renewAtMs) return this.current.header;
    this.fetching ??= this.fetchToken().finally(() => {
      this.fetching = undefined;
    });
    return this.fetching;
  }

  private async fetchToken(): Promise<string> {
    const { clientId, clientSecret, scope, tokenUrl } = this.options;
    const response = await fetch(tokenUrl, {
      method: "POST",
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams({ grant_type: "client_credentials", ...(scope === undefined ? {} : { scope }) }),
    }).catch((cause: unknown) => {
      throw new Error(`${tokenUrl} does not answer (${causeOf(cause)}): it should give access tokens.`, { cause });
    });
    if (!response.ok) throw new Error(`The token endpoint answered ${response.status}: ${await response.text()}`);
    const token = tokenResponse.parse(await response.json());
    const header = `Bearer ${token.access_token}`;
    this.current = { header, renewAtMs: Date.now() + token.expires_in * 1_000 - RENEW_BEFORE_MS };
    return header;
  }
}
