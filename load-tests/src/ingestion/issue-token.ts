import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { BenchContext } from "../harness/bench-context.js";

export const TENANT = "demo";
const ISSUER = "https://auth.tripline.test";
const AUDIENCE = "urn:tripline:api";
const EXPIRY_SECONDS = 3_600;

export interface BenchToken {
  /** The value of an Authorization header. */
  readonly authorization: string;
  /** Settings for the server that checks the token. */
  readonly environment: Readonly<Record<string, string>>;
}

/** An access token as `apps/auth` signs them (ES256, RFC 9068), and its key published over HTTP. */
export async function issueToken(context: BenchContext): Promise<BenchToken> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "bench", alg: "ES256", use: "sig" };
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.defer(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const token = await new SignJWT({ tenant: TENANT, scope: "transactions:write", client_id: "bench" })
    .setProtectedHeader({ alg: "ES256", kid: "bench", typ: "at+jwt" })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject("bench")
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1_000) + EXPIRY_SECONDS)
    .sign(privateKey);
  return {
    authorization: `Bearer ${token}`,
    environment: { AUTH_ISSUER: ISSUER, AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`, AUTH_AUDIENCE: AUDIENCE },
  };
}
