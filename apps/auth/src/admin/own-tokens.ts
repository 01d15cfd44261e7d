import { clientKey, personKey } from "@tripline/contracts/auth-event-key";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/service-kit/postgres/connect-database";
import type { TokenVerifier } from "@tripline/service-kit/tokens/verify-token";
import { tokenVerifier } from "@tripline/service-kit/tokens/verify-token";
import type { JWTVerifyGetKey } from "jose";
import type { AuthConfig } from "../config.js";
import { isRevoked } from "../revocations/revocation-store.js";

/** Checks the tokens that this service gave, with its own keys and with what its database says of revocations now. */
export function ownTokens(config: AuthConfig, queries: Queries, keys: JWTVerifyGetKey): TokenVerifier {
  const verifier = tokenVerifier({
    issuer: config.AUTH_ISSUER,
    audience: config.AUTH_AUDIENCE,
    jwksUrl: `${config.AUTH_ISSUER}/oauth/jwks`,
    keys,
  });
  return {
    async verify(authorization, scope) {
      const caller = await verifier.verify(authorization, scope);
      const { clientId, subject, issuedAtMs } = caller;
      if (await isRevoked(queries, [clientKey(clientId), personKey(subject)], issuedAtMs)) {
        throw new TriplineError("token-revoked", "The access token was taken back; sign in again.");
      }
      return caller;
    },
    ready: () => Promise.resolve(),
  };
}
