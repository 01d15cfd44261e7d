import type { ErrorCode } from "@tripline/contracts/error-table";
import { CALLER_ERRORS, clientCredentials } from "@tripline/http/describe-problems";
import type { ApiDocument } from "@tripline/http/describe-routes";
import { describeRoutes } from "@tripline/http/describe-routes";
import { FollowedMasterKey } from "@tripline/sealing/followed-master-key";
import { z } from "zod";
import type { ControlConfig } from "../config.js";
import type { ControlRoute } from "./control-route.js";
import { routesOf } from "./routes.js";

const SCOPES = {
  "policy:read": "Read revisions, drafts and activations",
  "policy:write": "Save drafts, create revisions, activate and roll back",
  "policy:approve": "Approve other users' revisions, and set whether a tenant requires approval",
  "lists:read": "Read lists",
  "lists:write": "Change lists",
  "models:read": "View model rollouts; only for clients of the operator's tenant",
  "models:write": "Manage model rollouts; only for clients of the operator's tenant",
  "personal:read": "Decrypt personal data",
  "personal:erase": "Erase the personal data of a card, an e-mail address or an account",
  "audit:read": "Read the audit log",
  "operations:read": "View dead letters, erasures and jobs",
  "operations:write": "Redrive dead letters; only for clients of the operator's tenant",
  "webhooks:read": "View webhook endpoints and their delivery log",
  "webhooks:write": "Manage webhook endpoints, and replay events",
};

const READ_ERRORS = [
  ...CALLER_ERRORS,
  "tenant-foreign",
  "invalid-field",
  "too-many-requests",
  "database-unavailable",
] as const satisfies readonly ErrorCode[];
/** The tenant to which a request applies. */
const TENANT = z.string().optional().meta({
  description:
    "Tenant to manage instead of the caller's own, for clients of the operator's tenant. Empty for the defaults of all tenants.",
});

/** The API in OpenAPI 3.1, generated from the schemas that validate requests. */
export function describeApi(config: ControlConfig): ApiDocument {
  return describeRoutes(
    {
      title: "Tripline control plane",
      description: "Policies, lists, model rollouts, webhooks, dead letters, and the audit log.",
      security: { name: "oauth", scheme: clientCredentials(config, SCOPES) },
      errors: READ_ERRORS,
    },
    routesOf({ hasRollouts: config.REGISTRY_URL !== undefined, hasWebhooks: FollowedMasterKey.isSet(config) }).map(
      ofTenant,
    ),
  );
}

/** Adds the `tenant` parameter, except for models, which do not belong to a tenant. */
function ofTenant(route: ControlRoute): ControlRoute {
  if (/^\/v1\/(rollouts|models)\b/.test(route.path)) return route;
  return { ...route, query: (route.query ?? z.object({})).extend({ tenant: TENANT }) };
}
