import { isUtf8 } from "node:buffer";
import { TriplineError } from "@tripline/contracts/error-table";
import { isMissing } from "@tripline/http/describe-issues";
import type { z } from "zod";
import { invalidField, pointerTo } from "./refuse-field.js";

/** A JSON number with its original text: in Feast, 3 and 3.0 have different types. */
export class JsonNumber {
  constructor(
    readonly value: number,
    readonly text: string,
  ) {}
}

/** Literals that Python's `json.dumps` writes but JSON does not have. */
const NOT_FINITE = /[:[,]\s*-?(NaN|Infinity)\b/;

/**
 * Parses the bytes of a body.
 *
 * @param keepNumbers whether to return numbers as `JsonNumber`
 * @throws TriplineError `malformed-json`
 */
export function parseBody(bytes: Buffer, keepNumbers = false): unknown {
  if (!isUtf8(bytes)) throw new TriplineError("malformed-json", "The body is not valid UTF-8.");
  const text = bytes.toString("utf8");
  try {
    return keepNumbers ? JSON.parse(text, keepNumber) : JSON.parse(text);
  } catch {
    throw new TriplineError("malformed-json", faultOf(text));
  }
}

function faultOf(text: string): string {
  if (text.trim() === "") return "The body is empty; send one JSON object.";
  const word = NOT_FINITE.exec(text)?.[1];
  if (word !== undefined) return `The body contains ${word}, which is not valid JSON. Send null for a missing value.`;
  return "The body is not valid JSON.";
}

/** The third argument is proposed in https://tc39.es/proposal-json-parse-with-source/ */
function keepNumber(_key: string, value: unknown, ...[context]: readonly { readonly source?: string }[]): unknown {
  return typeof value === "number" ? new JsonNumber(value, context?.source ?? String(value)) : value;
}

/**
 * Checks the shape of a body.
 *
 * @throws TriplineError `invalid-field` for the first fault
 */
export function checkShape<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue === undefined) throw invalidField("", "is malformed");
  throw invalidField(pointerTo(...issue.path), isMissing(body, issue.path) ? "is missing" : detailOf(issue));
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

function detailOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
  if (issue.code === "too_big") return `must have at most ${issue.maximum} entries`;
  return issue.message;
}
