import type { FieldError } from "@tripline/contracts/error-table";
import { TriplineError } from "@tripline/contracts/error-table";
import { maskDigits } from "@tripline/contracts/find-card-number";
import { closestName } from "@tripline/contracts/text/closest-name";
import { z } from "zod";

/** Maximum number of faults in a response: enough to fix the request step by step. */
const FIELD_ERRORS_MAX = 20;
const NAME_LENGTH_MAX = 64;
/** The payment field for values that have no field of their own. */
const ATTRIBUTES = "attributes";

/**
 * Converts zod issues to an error with one entry per field and no values: errors are logged, so they must not repeat an
 * invalid card number.
 *
 * @param schema the body's schema, used to suggest a known name for an unknown field
 */
export function describeIssues(issues: readonly z.core.$ZodIssue[], body: unknown, schema?: z.ZodType): TriplineError {
  const fields: FieldError[] = [];
  for (const issue of issues) {
    const pointer = pointerTo(issue.path);
    if (issue.code === "unrecognized_keys") {
      const known = namesAt(schema, issue.path);
      for (const key of issue.keys) {
        const meant = fields.length < FIELD_ERRORS_MAX ? closestName(key, known) : undefined;
        const detail = `is not a known field${hintOf(meant, known.includes(ATTRIBUTES))}`;
        fields.push({ pointer: pointer + pointerTo([key]), detail });
      }
    } else {
      fields.push({ pointer, detail: isMissing(body, issue.path) ? "is missing" : detailOf(issue) });
    }
  }
  return invalidFields(fields);
}

/** @param fields at least one */
export function invalidFields(fields: readonly FieldError[]): TriplineError {
  const shown = fields.slice(0, FIELD_ERRORS_MAX);
  const sentence = shown.map(({ pointer, detail }) => `${pointer === "" ? "The body" : pointer} ${detail}`).join("; ");
  const more = fields.length > shown.length ? `; and ${fields.length - shown.length} more` : "";
  return new TriplineError("invalid-field", `${sentence}${more}.`, shown);
}

function hintOf(meant: string | undefined, hasAttributes: boolean): string {
  if (meant !== undefined)
    return ` (did you mean ${meant}?${hasAttributes ? ` Otherwise, send it in ${ATTRIBUTES}` : ""})`;
  return hasAttributes ? ` (send it in ${ATTRIBUTES})` : "";
}

function detailOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
  return issue.message;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
};

/**
 * A JSON pointer (RFC 6901). Field names come from the client: they are truncated, and digits that could be a card
 * number are masked.
 */
export function pointerTo(path: readonly PropertyKey[]): string {
  return path
    .map((part) => {
      const name = maskDigits(String(part).slice(0, NAME_LENGTH_MAX));
      return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    })
    .join("");
}

/** Whether the body lacks this field although its parent exists. */
export function isMissing(body: unknown, path: readonly PropertyKey[]): boolean {
  let value = body;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return false;
    if (!Object.hasOwn(value, part)) return true;
    value = Reflect.get(value, part);
  }
  return false;
}

/** Field names allowed at this path of the body; none if the path is not a plain object. */
function namesAt(schema: z.ZodType | undefined, path: readonly PropertyKey[]): readonly string[] {
  let at: unknown = schema;
  for (const part of path) {
    at = withoutOptional(at);
    if (at instanceof z.ZodArray) at = at.element;
    else if (at instanceof z.ZodObject) at = at.shape[String(part)];
    else return [];
  }
  at = withoutOptional(at);
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function withoutOptional(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}
