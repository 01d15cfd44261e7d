import type { KeyObject } from "node:crypto";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

const ISSUER = "https://auth.tripline.test";
const AUDIENCE = "urn:tripline:api";
const LIFETIME_SECONDS = 300;

/** A token issuer: serves its public keys over HTTP, and signs tokens with them. */
export interface TestIssuer {
  /** Configuration that makes a service trust it. */
  readonly environment: Readonly<Record<string, string>>;
  token(scope: string, tenant: string): string;
  /** Like `token`, but signed with a key that was never published. */
  forged(scope: string, tenant: string): string;
  close(): void;
}

export async function startIssuer(): Promise<TestIssuer> {
  const [keys, foreign] = [newKeys(), newKeys()];
  const jwk = { ...keys.publicKey.export({ format: "jwk" }), kid: "test", alg: "ES256", use: "sig" };
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the issuer has no port");
  return {
    environment: { AUTH_ISSUER: ISSUER, AUTH_JWKS_URL: `http://127.0.0.1:${address.port}/jwks` },
    token: (scope, tenant) => makeToken(keys.privateKey, scope, tenant),
    forged: (scope, tenant) => makeToken(foreign.privateKey, scope, tenant),
    close: () => server.close(),
  };
}

const newKeys = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

/** A JWT according to RFC 9068. */
function makeToken(key: KeyObject, scope: string, tenant: string): string {
  const seconds = Math.floor(Date.now() / 1_000);
  const header = { alg: "ES256", kid: "test", typ: "at+jwt" };
  const times = { iat: seconds, exp: seconds + LIFETIME_SECONDS };
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: "shop", tenant, scope, ...times };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}
