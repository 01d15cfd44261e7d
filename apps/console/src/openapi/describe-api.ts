import type { ErrorCode } from "@tripline/contracts/error-table";
import { clientCredentials } from "@tripline/http/describe-problems";
import type { ApiDocument } from "@tripline/http/describe-routes";
import { describeRoutes } from "@tripline/http/describe-routes";
import type { ConsoleConfig } from "../config.js";
import { Cookies } from "../sessions/cookies.js";
import { SESSION_COOKIE } from "../sessions/session.guard.js";
import { CLIENT_ROUTES } from "./report-routes.js";
import { ROUTES } from "./routes.js";

/** Errors that any authenticated request may get. */
const ERRORS = [
  ...["session-ended", "scope-missing", "invalid-field", "too-many-requests"],
  ...["auth-unavailable", "database-unavailable"],
] as const satisfies readonly ErrorCode[];

/** The page's API in OpenAPI 3.1. Changes also need the header X-CSRF-Token with the session's token. */
export function describeApi(config: ConsoleConfig): ApiDocument {
  const cookie = { type: "apiKey", in: "cookie", name: new Cookies(config).nameOf(SESSION_COOKIE) } as const;
  return describeRoutes(
    {
      title: "Tripline console",
      description:
        "The API for the console's pages. Changes require the header X-CSRF-Token. /v1 is for clients with an access token. " +
        "/api/control and /api/auth are proxies for the control plane and auth, which have their own descriptions.",
      security: { name: "session", scheme: cookie },
      otherSecurity: {
        name: "oauth",
        scheme: clientCredentials(config, { "cases:read": "Read cases and fraud reports." }),
      },
      errors: ERRORS,
    },
    [...ROUTES, ...CLIENT_ROUTES],
  );
}
