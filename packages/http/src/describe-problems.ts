import type { ErrorCode } from "@tripline/contracts/error-table";
import { ERROR_TABLE } from "@tripline/contracts/error-table";
import { z } from "zod";

/* The parts that the OpenAPI 3.1 descriptions of all APIs share. */

/** Errors for a rejected caller, or for a token that could not be checked. */
export const CALLER_ERRORS = [
  "rate-limited",
  "token-missing",
  "token-invalid",
  "token-expired",
  "scope-missing",
  "keys-unavailable",
] as const satisfies readonly ErrorCode[];

export const problemSchema = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(ERROR_TABLE)).meta({ description: "A stable code for use by programs." }),
    detail: z.string().meta({ description: "What is wrong and how to fix it." }),
    errors: z
      .array(
        z.strictObject({
          pointer: z.string().meta({ description: "JSON pointer (RFC 6901) to the field; empty for the whole body." }),
          detail: z.string(),
        }),
      )
      .optional(),
    trace_id: z.string().optional(),
  })
  .meta({ id: "Problem" });

/** One response per HTTP status, with its possible codes. */
export function problemResponses(codes: readonly ErrorCode[]) {
  const byStatus = Object.groupBy(codes, (code) => ERROR_TABLE[code].httpStatus);
  const content = { "application/problem+json": { schema: problemSchema } };
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, named = []]) => [
      status,
      { description: named.map((code) => `\`${code}\`: ${ERROR_TABLE[code].title}`).join(". "), content },
    ]),
  ) as Record<`${4 | 5}${string}`, { description: string; content: typeof content }>;
}

/** Where machine clients get their tokens. @param scopes what each scope allows */
export function clientCredentials(
  { AUTH_TOKEN_URL, AUTH_ISSUER }: { readonly AUTH_TOKEN_URL?: string | undefined; readonly AUTH_ISSUER: string },
  scopes: Record<string, string>,
) {
  const tokenUrl = AUTH_TOKEN_URL ?? `${AUTH_ISSUER.replace(/\/$/, "")}/oauth/token`;
  return { type: "oauth2" as const, flows: { clientCredentials: { tokenUrl, scopes } } };
}
