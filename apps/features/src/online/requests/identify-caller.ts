import { TriplineError } from "@tripline/contracts/error-table";
import type { TokenVerifier } from "@tripline/tokens/verify-token";

export type OnlineScope = "features:read" | "features:write";

/**
 * The tenant on whose behalf a request is made.
 *
 * @throws TriplineError `token-missing`, `token-invalid`, `token-expired`, `scope-missing` or `keys-unavailable`
 */
export type IdentifyCaller = (authorization: string | undefined, scope: OnlineScope) => Promise<string>;

/** The tenant is the one in the caller's token. */
export function identifyByToken(verifier: TokenVerifier): IdentifyCaller {
  return async (authorization, scope) => (await verifier.verify(authorization, scope)).tenant;
}

/** All callers have the same tenant. Use it only for a port that only this machine can reach. */
export function identifyAs(tenant: string): IdentifyCaller {
  return async (authorization) => {
    // A caller with a token expects the token's tenant, which cannot be verified here.
    if (authorization === undefined) return tenant;
    throw new TriplineError(
      "token-invalid",
      "This instance does not accept tokens. Omit the token, or set AUTH_ISSUER for the instance.",
    );
  };
}
