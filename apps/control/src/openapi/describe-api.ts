import type { ErrorCode } from "@tripline/contracts/error-table";
import { CALLER_ERRORS, clientCredentials } from "@tripline/http/describe-problems";
import type { ApiDocument } from "@tripline/http/describe-routes";
import { describeRoutes } from "@tripline/http/describe-routes";
import { z } from "zod";
import type { ControlConfig } from "../config.js";
import type { ControlRoute } from "./control-route.js";
import { routesOf } from "./routes.js";

const SCOPES = {
  "policy:read": "Read revisions, drafts and activations",
  "policy:write": "Save drafts, make revisions, activate and go back",
  "policy:approve": "Approve revisions of others, and say whether a tenant asks for that",
  "lists:read": "Read lists",
  "lists:write": "Change lists",
  "models:read": "See rollouts of models; clients of the operator's tenant",
  "models:write": "Lead rollouts of models; clients of the operator's tenant",
  "personal:read": "Open sealed personal data",
  "personal:erase": "Erase the personal data of a card, an e-mail address or an account",
  "audit:read": "Read the audit log",
  "operations:read": "See dead letters, erasures and jobs",
  "operations:write": "Redrive dead letters; only for clients of the operator's tenant",
};

const READ_ERRORS = [
  ...CALLER_ERRORS,
  "tenant-foreign",
  "invalid-field",
  "too-many-requests",
  "database-unavailable",
] as const satisfies readonly ErrorCode[];
/** The tenant that a request is about. */
const TENANT = z.string().optional().meta({
  description:
    "Another tenant than the caller's own, for clients of the operator's tenant; empty for what holds for all tenants without something of their own.",
});

/** The API in OpenAPI 3.1, generated from the schemas that validate requests. */
export function describeApi(config: ControlConfig): ApiDocument {
  return describeRoutes(
    {
      title: "Tripline control plane",
      description: "Policies, lists, rollouts of models, dead letters, and who changed them.",
      security: { name: "oauth", scheme: clientCredentials(config, SCOPES) },
      errors: READ_ERRORS,
    },
    routesOf(config.REGISTRY_URL !== undefined).map(ofTenant),
  );
}

/** Adds the parameter `tenant`, except for rollouts, which do not belong to a tenant. */
function ofTenant(route: ControlRoute): ControlRoute {
  if (route.path.startsWith("/v1/rollouts")) return route;
  return { ...route, query: (route.query ?? z.object({})).extend({ tenant: TENANT }) };
}
