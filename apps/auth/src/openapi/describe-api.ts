import type { ErrorCode } from "@tripline/contracts/error-table";
import { SCOPES } from "@tripline/contracts/roles";
import { CALLER_ERRORS, clientCredentials } from "@tripline/http/describe-problems";
import type { ApiDocument } from "@tripline/http/describe-routes";
import { describeRoutes } from "@tripline/http/describe-routes";
import type { AuthConfig } from "../config.js";
import { ROUTES } from "./routes.js";

/** Errors of any request. Administration requests have no rate limits. */
const ERRORS = [
  ...CALLER_ERRORS,
  "token-revoked",
  "invalid-field",
  "database-unavailable",
] as const satisfies readonly ErrorCode[];

/** The administration API in OpenAPI 3.1. */
export function describeApi(config: Pick<AuthConfig, "AUTH_ISSUER">): ApiDocument {
  const scopes = Object.fromEntries(SCOPES.map((scope) => [scope, ""]));
  return describeRoutes(
    {
      title: "Tripline auth",
      description:
        "Users, machine clients and changes that await a second administrator. OAuth and OpenID Connect: " +
        "/.well-known/openid-configuration. SCIM: /scim/v2/Schemas.",
      security: { name: "oauth", scheme: clientCredentials(config, scopes) },
      errors: ERRORS,
    },
    ROUTES,
  );
}
