import type { ErrorCode } from "@tripline/contracts/error-table";
import { CALLER_ERRORS, clientCredentials, problemResponses } from "@tripline/service-kit/http/describe-problems";
import { z } from "zod";
import type { ZodOpenApiOperationObject } from "zod-openapi";
import { createDocument } from "zod-openapi";
import type { ControlConfig } from "../config.js";
import type { Route } from "./routes.js";
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
  "personal:erase": "Erase the personal data of a card or an e-mail address",
  "audit:read": "Read the audit log",
  "operations:read": "See dead letters, erasures and jobs",
  "operations:write": "Return dead letters; clients of the operator's tenant",
};

const READ_ERRORS = [
  ...CALLER_ERRORS,
  "tenant-foreign",
  "invalid-field",
  "too-many-requests",
  "database-unavailable",
] as const satisfies readonly ErrorCode[];
const BODY_ERRORS = [
  "malformed-json",
  "body-too-large",
  "unsupported-media-type",
] as const satisfies readonly ErrorCode[];

/** For whom a request does something. */
const TENANT = z.string().optional().meta({
  description:
    "Another tenant than the caller's own, for clients of the operator's tenant; empty for what holds for all tenants without something of their own.",
});

/** The API in OpenAPI 3.1, from the schemas that check the requests. */
export function describeApi(config: ControlConfig): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routesOf(config.REGISTRY_URL !== undefined)) {
    paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route) };
  }
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "Tripline control plane",
      version: "1",
      description: "Policies, lists, rollouts of models, dead letters, and who changed them.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: { securitySchemes: { oauth: clientCredentials(config, SCOPES) } },
  });
}

function operationOf(route: Route): ZodOpenApiOperationObject {
  const { id, summary, scope, parameters, query, body, answers, errors = [] } = route;
  const isOfTenant = !route.path.startsWith("/v1/rollouts");
  const asked = isOfTenant ? (query ?? z.object({})).extend({ tenant: TENANT }) : query;
  return {
    operationId: id,
    summary,
    security: [{ oauth: [scope] }],
    requestParams: {
      ...(parameters === undefined ? {} : { path: parameters }),
      ...(asked === undefined ? {} : { query: asked }),
    },
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, schema]) => [
          status,
          schema === undefined
            ? { description: "Done" }
            : { description: summary, content: { "application/json": { schema } } },
        ]),
      ),
      ...problemResponses([
        ...new Set<ErrorCode>([...READ_ERRORS, ...(body === undefined ? [] : BODY_ERRORS), ...errors]),
      ]),
    },
  };
}
