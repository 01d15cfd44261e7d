import { z } from "zod";
import { ScimFault } from "./scim-fault.js";
import { lowerKeys, withoutSchema } from "./scim-resource.js";

const PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:patchop";
const OPERATIONS_MAX = 1_000;
const PATH_CHARACTERS_MAX = 1_000;

const operation = z.object({
  op: z
    .string()
    .transform((op) => op.toLowerCase())
    .pipe(z.enum(["add", "replace", "remove"])),
  // Okta sends an empty path instead of none.
  path: z
    .string()
    .max(PATH_CHARACTERS_MAX)
    .nullish()
    .transform((path) => (path === null || path?.trim() === "" ? undefined : path?.trim())),
  value: z.unknown().optional(),
});
const patch = z.object({
  schemas: z.array(z.string().transform((schema) => schema.toLowerCase())),
  operations: z.array(z.preprocess(lowerKeys, operation)).min(1).max(OPERATIONS_MAX),
});

/** An operation of a PATCH request. The path does not contain the schema. */
export interface Operation {
  readonly op: "add" | "replace" | "remove";
  readonly path: string | undefined;
  readonly value: unknown;
}

/**
 * Reads a PATCH request as defined in RFC 7644 section 3.5.2, and as sent by Entra ID and Okta: operations and names
 * are not case-sensitive.
 *
 * @throws ScimFault `invalidSyntax`, `noTarget`
 */
export function readPatch(body: unknown): readonly Operation[] {
  const parsed = patch.safeParse(lowerKeys(body));
  if (!parsed.success || !parsed.data.schemas.includes(PATCH_SCHEMA)) {
    const detail = `The body must be a PatchOp with 1 to ${OPERATIONS_MAX} Operations, each with op add, replace or remove.`;
    throw new ScimFault("invalidSyntax", detail);
  }
  return parsed.data.operations.map(({ op, path, value }) => {
    if (op === "remove" && path === undefined) throw new ScimFault("noTarget", "A remove operation requires a path.");
    return { op, path: path === undefined ? undefined : withoutSchema(path), value };
  });
}
