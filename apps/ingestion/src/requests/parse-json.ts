import { isUtf8 } from "node:buffer";
import { TriplineError } from "@tripline/contracts/error-table";
import { invalidFields, pointerTo } from "@tripline/http/describe-issues";
import { findRepeatedKey } from "./find-repeated-key.js";

/**
 * Parses a JSON text. Messages of `JSON.parse` quote the text, which may contain a card number, so they are not used.
 *
 * @param what the beginning of the error message, such as "The body"
 * @throws TriplineError `malformed-json`; `invalid-field` for a duplicate key
 */
export function parseJson(text: string, what = "The body"): unknown {
  const value = parseText(text, what);
  const repeated = findRepeatedKey(text, value);
  if (repeated === undefined) return value;
  throw invalidFields([{ pointer: pointerTo(repeated), detail: "occurs more than once" }]);
}

function parseText(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const fault = text.trim() === "" ? "is empty; send one JSON object" : "is not valid JSON";
    throw new TriplineError("malformed-json", `${what} ${fault}.`);
  }
}

/** Parses bytes, which must be UTF-8 (RFC 8259 section 8.1), in the same way. */
export function parseJsonBytes(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new TriplineError("malformed-json", "The body is not valid UTF-8.");
  return parseJson(bytes.toString("utf8"));
}
