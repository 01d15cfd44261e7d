import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { ScimFault } from "./scim-fault.js";

export const SCIM_PATH = "/scim/v2";
export const SCIM_TYPE = "application/scim+json";
export const USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User";
export const GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group";

const LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const NAMES_MAX = 50;
/** Enough for a group with a thousand members. */
const BODY_BYTES_MAX = 262_144;

/** Parses bodies of the type `application/scim+json`. */
export function acceptScimBodies(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser("error", "error");
  fastify.addContentTypeParser<string>(
    SCIM_TYPE,
    { parseAs: "string", bodyLimit: BODY_BYTES_MAX },
    (request, text, done) => {
      // An error here would not reach the filter for SCIM errors.
      void parse(request, text, (error, body) => done(null, error === null ? body : undefined));
    },
  );
}

/** @throws ScimFault `invalidSyntax` if the body is not JSON */
export function readBody(body: unknown): unknown {
  if (body === undefined || body === null) throw new ScimFault("invalidSyntax", "The body is not valid JSON.");
  return body;
}

/** A resource as the API returns it. */
export type ScimResource = Readonly<Record<string, unknown>>;

/** A page of a list. */
export interface Page {
  /** Number of entries before the page. */
  readonly offset: number;
  readonly limit: number;
}

const whole = z
  .string()
  .regex(/^-?\d{1,9}$/, "must be a whole number")
  .transform(Number);
const names = z
  .string()
  .max(2_000)
  .transform((text) => text.split(",").map((name) => withoutSchema(name.trim()).toLowerCase()))
  .refine((list) => list.length <= NAMES_MAX, `must have at most ${NAMES_MAX} names`);

const listQuery = z.object({
  startIndex: whole.optional(),
  count: whole.optional(),
  filter: z.string().max(1_000).optional(),
  attributes: names.optional(),
  excludedAttributes: names.optional(),
});

type ListQuery = z.infer<typeof listQuery>;

/** @throws ScimFault `invalidValue` */
export function readQuery(query: unknown): ListQuery {
  const parsed = listQuery.safeParse(query);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ScimFault("invalidValue", `The parameter ${issue?.path.join(".")} is invalid: ${issue?.message}.`);
}

/** RFC 7644 section 3.4.2.4: a start below 1 means 1, a negative count means 0. @param countMax maximum page size */
export function pageOf({ startIndex = 1, count = 100 }: ListQuery, countMax: number): Page {
  return { offset: Math.max(0, startIndex - 1), limit: Math.min(Math.max(0, count), countMax) };
}

export function listResponse(resources: readonly ScimResource[], total: number, { offset }: Page): ScimResource {
  return {
    schemas: [LIST_SCHEMA],
    totalResults: total,
    startIndex: offset + 1,
    itemsPerPage: resources.length,
    Resources: resources,
  };
}

/** The attributes that the client requested. `id` and `schemas` are always returned. */
export function select(resource: ScimResource, { attributes, excludedAttributes }: ListQuery): ScimResource {
  const isAlways = (name: string): boolean => name === "id" || name === "schemas";
  const wanted = attributes?.map((name) => name.split(".")[0]);
  return Object.fromEntries(
    Object.entries(resource).filter(([name]) => {
      const lower = name.toLowerCase();
      if (isAlways(name)) return true;
      return wanted === undefined ? excludedAttributes?.includes(lower) !== true : wanted.includes(lower);
    }),
  );
}

/** An attribute's name without its schema prefix, if any. */
export function withoutSchema(name: string): string {
  const lower = name.toLowerCase();
  const schema = [USER_SCHEMA, GROUP_SCHEMA].find((one) => lower.startsWith(`${one.toLowerCase()}:`));
  return schema === undefined ? name : name.slice(schema.length + 1);
}

/** A JSON object with its keys in lower case, because the names of attributes are not case-sensitive. */
export function lowerKeys(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [withoutSchema(key).toLowerCase(), one]));
}

/** The error for the first issue. @param names the usual spelling of the lower-case names */
export function invalidValue(issues: readonly z.core.$ZodIssue[], names: readonly string[]): ScimFault {
  const [issue] = issues;
  const path = String(issue?.path[0] ?? "");
  const name = names.find((one) => one.toLowerCase() === path) ?? "The body";
  const detail = issue?.code === "invalid_type" ? `must be a ${issue.expected}` : (issue?.message ?? "is not valid");
  return new ScimFault("invalidValue", `${name} ${detail}.`);
}
