import type { Server } from "node:http";
import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { BenchContext } from "../../harness/bench-context.js";
import { BenchError } from "../../harness/bench-error.js";

/** Issues the tokens of a run. Ingestion verifies them like all other tokens. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** The value of an `Authorization` header, valid for longer than any run. */
  readonly authorization: string;
}

const AUDIENCE = "urn:tripline:api";
const TOKEN_LIFE = "12h";
const SCOPES = "transactions:write labels:write payment-updates:write decisions:read";

/** Publishes a signing key and signs one token with it. Replaces auth, which is not on a decision's path. */
export async function startTokenIssuer(context: BenchContext, tenant: string): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const key = { ...(await exportJWK(publicKey)), kid: "bench", alg: "ES256", use: "sig" };
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [key] }));
  });
  const issuer = `http://127.0.0.1:${await listen(server)}`;
  context.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const token = await new SignJWT({ tenant, scope: SCOPES, client_id: "bench" })
    .setProtectedHeader({ alg: "ES256", kid: "bench", typ: "at+jwt" })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setSubject("bench")
    .setIssuedAt()
    .setExpirationTime(TOKEN_LIFE)
    .sign(privateKey);
  return { issuer, jwksUrl: `${issuer}/jwks`, authorization: `Bearer ${token}` };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new BenchError("The token issuer did not receive a port.");
  return address.port;
}
