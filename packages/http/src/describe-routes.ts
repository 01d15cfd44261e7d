import type { ErrorCode } from "@tripline/contracts/error-table";
import type { z } from "zod";
import type { ZodOpenApiObject, ZodOpenApiOperationObject } from "zod-openapi";
import { createDocument } from "zod-openapi";
import { problemResponses } from "./describe-problems.js";

/** An operation of an API. */
export interface Route {
  readonly method: "get" | "put" | "post" | "delete";
  /** With parameters in braces. */
  readonly path: string;
  /** Unique in the API. */
  readonly id: string;
  readonly summary: string;
  /** The scope that the caller needs; absent if no scope is required. */
  readonly scope?: string;
  /** The name of one of the API's security schemes. Default: the first one. */
  readonly securedBy?: string;
  readonly parameters?: z.ZodObject;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Default: `application/json`. */
  readonly bodyType?: string;
  /** By status; absent for a status without a body. */
  readonly answers: Readonly<Record<number, z.ZodType | undefined>>;
  /** Default: `application/json`. */
  readonly answerType?: string;
  /** Errors of this route, in addition to the errors of the whole API. */
  readonly errors?: readonly ErrorCode[];
}

interface Security {
  readonly name: string;
  readonly scheme: NonNullable<NonNullable<ZodOpenApiObject["components"]>["securitySchemes"]>[string];
}

export interface Api {
  readonly title: string;
  readonly description: string;
  /** How a caller authenticates; every operation refers to it by name. */
  readonly security: Security;
  /** Another way to authenticate, for the operations that name it. */
  readonly otherSecurity?: Security;
  /** Errors that any request may get. */
  readonly errors: readonly ErrorCode[];
}

export type ApiDocument = ReturnType<typeof createDocument>;

const BODY_ERRORS = [
  "malformed-json",
  "body-too-large",
  "unsupported-media-type",
] as const satisfies readonly ErrorCode[];
const JSON_TYPE = "application/json";

/** An API in OpenAPI 3.1, generated from the schemas that validate requests. */
export function describeRoutes(api: Api, routes: readonly Route[]): ApiDocument {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operationOf(api, route) };
  }
  const { title, description, security, otherSecurity } = api;
  const schemes = [security, ...(otherSecurity === undefined ? [] : [otherSecurity])];
  return createDocument({
    openapi: "3.1.0",
    info: { title, version: "1", description, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: { securitySchemes: Object.fromEntries(schemes.map(({ name, scheme }) => [name, scheme])) },
  });
}

function operationOf({ security, errors: common }: Api, route: Route): ZodOpenApiOperationObject {
  const {
    id,
    summary,
    scope,
    securedBy = security.name,
    parameters,
    query,
    body,
    bodyType = JSON_TYPE,
    errors = [],
  } = route;
  return {
    operationId: id,
    summary,
    security: scope === undefined ? [] : [{ [securedBy]: [scope] }],
    requestParams: {
      ...(parameters === undefined ? {} : { path: parameters }),
      ...(query === undefined ? {} : { query: query as z.ZodObject }),
    },
    ...(body === undefined ? {} : { requestBody: { required: true, content: { [bodyType]: { schema: body } } } }),
    responses: {
      ...answersOf(route),
      ...problemResponses([
        ...new Set<ErrorCode>([
          ...common,
          ...(parameters === undefined ? [] : (["address-too-long"] as const)),
          ...(body === undefined ? [] : BODY_ERRORS),
          ...errors,
        ]),
      ]),
    },
  };
}

function answersOf({ answers, answerType = JSON_TYPE, summary }: Route) {
  const described = Object.entries(answers).map(([status, schema]) => [
    status,
    schema === undefined ? { description: "Done" } : { description: summary, content: { [answerType]: { schema } } },
  ]);
  return Object.fromEntries(described) as ZodOpenApiOperationObject["responses"];
}
