import { clientKey, personKey } from "@tripline/contracts/auth-event-key";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Caller, TokenVerifier } from "@tripline/tokens/verify-token";
import { requireScope, tokenRevoked, tokenVerifier } from "@tripline/tokens/verify-token";
import type { JWTVerifyGetKey } from "jose";
import type { AuthConfig } from "../config.js";
import { isRevoked } from "../revocations/revocation-store.js";

/** Verifies tokens that this service issued, with its own keys and the current revocations in its database. */
export function ownTokens(config: AuthConfig, queries: Queries, keys: JWTVerifyGetKey): TokenVerifier {
  const verifier = tokenVerifier({
    issuer: config.AUTH_ISSUER,
    audience: config.AUTH_AUDIENCE,
    jwksUrl: `${config.AUTH_ISSUER}/oauth/jwks`,
    keys,
  });
  async function identify(authorization: string | undefined): Promise<Caller> {
    const caller = await verifier.identify(authorization);
    const { clientId, subject, issuedAtMs } = caller;
    const keys = [clientKey(clientId), personKey(subject)];
    if (await isRevoked(queries, keys, issuedAtMs)) throw tokenRevoked();
    return caller;
  }
  return {
    identify,
    async verify(authorization, scope) {
      return requireScope(await identify(authorization), scope);
    },
    tenantSeen: verifier.tenantSeen,
    ready: () => Promise.resolve(),
  };
}
