import { randomBytes } from "node:crypto";
import { readConfig } from "@tripline/settings/read-config";
import { z } from "zod";
import type { AuthConfig } from "../config.js";
import { authConfig } from "../config.js";

/** Shared by the tests of this service. */
export const ISSUER = "https://auth.tripline.test";
export const AUDIENCE = "urn:tripline:api";

export const SHOP = {
  client_id: "shop",
  tenant: "acme",
  client_secret: "shop-secret-of-more-than-24-characters",
  scopes: ["transactions:write", "decisions:read"],
};

/** The environment of a service on `postgresUrl` with one client, `SHOP`. */
export function authEnvironment(postgresUrl: string, changes: Record<string, string> = {}): Record<string, string> {
  return {
    PORT: "0",
    LOG_LEVEL: "silent",
    POSTGRES_URL: postgresUrl,
    // Nothing listens on this port, because auth works without Kafka.
    KAFKA_BROKERS: "127.0.0.1:9",
    AUTH_ISSUER: ISSUER,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
    BOOTSTRAP_CLIENTS: JSON.stringify([SHOP]),
    ...changes,
  };
}

export function testConfig(postgresUrl: string, changes: Record<string, string> = {}): AuthConfig {
  return readConfig(authConfig, authEnvironment(postgresUrl, changes));
}

const tokenAnswer = z.object({
  access_token: z.string().optional(),
  token_type: z.string().optional(),
  expires_in: z.number().optional(),
  scope: z.string().optional(),
  error: z.string().optional(),
  error_description: z.string().optional(),
});

export interface TokenAnswer extends z.infer<typeof tokenAnswer> {
  readonly status: number;
  readonly headers: Headers;
}

/** Requests a token. The parameters are added to `grant_type=client_credentials`. */
export async function requestToken(
  url: string,
  authorization: string | undefined,
  parameters: Record<string, string> | URLSearchParams = {},
  headers: Record<string, string> = {},
): Promise<TokenAnswer> {
  const body = new URLSearchParams(parameters);
  if (!body.has("grant_type")) body.set("grant_type", "client_credentials");
  const response = await fetch(`${url}/oauth/token`, {
    method: "POST",
    headers: { ...(authorization === undefined ? {} : { authorization }), ...headers },
    body,
  });
  const answer = tokenAnswer.parse(await response.json());
  return { ...answer, status: response.status, headers: response.headers };
}

/** The Authorization header of RFC 6749 section 2.3.1. */
export function basic(clientId: string, secret: string): string {
  const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

export const SHOP_BASIC = basic(SHOP.client_id, SHOP.client_secret);

const keySet = z.object({ keys: z.array(z.record(z.string(), z.json())) });

export async function publishedKeys(url: string): Promise<z.infer<typeof keySet>["keys"]> {
  const response = await fetch(`${url}/oauth/jwks`);
  return keySet.parse(await response.json()).keys;
}
