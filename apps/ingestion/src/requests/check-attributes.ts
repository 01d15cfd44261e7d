import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { ATTRIBUTE_TEXT_MAX, ATTRIBUTES_MAX } from "@tripline/decision-engine/attributes/sent-attributes";

/** Maximum length of a name in characters. */
const NAME_MAX = 64;
/** Maximum size of all attributes as JSON. */
const BYTES_MAX = 4_096;
/** Larger numbers are not exact, and JSON cannot express infinite ones. */
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

/** No control characters and no unpaired surrogates, as in other strings. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as in field-kinds.ts
const ONE_LINE = /^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*$/u;

/** The shape of the attributes, in JSON Schema. */
export const ATTRIBUTES_SHAPE = {
  type: "object",
  maxProperties: ATTRIBUTES_MAX,
  propertyNames: { minLength: 1, maxLength: NAME_MAX },
  additionalProperties: {
    anyOf: [
      { type: "string", maxLength: ATTRIBUTE_TEXT_MAX },
      { type: "number", minimum: -NUMBER_MAX, maximum: NUMBER_MAX },
      { type: "boolean" },
    ],
  },
} as const;

export interface AttributeFault {
  /** Undefined for the attributes as a whole. */
  readonly name?: string;
  readonly message: string;
}

/**
 * `json` has sorted names, so that their order in the request does not matter. It is undefined if there are no
 * attributes.
 */
export type CheckedAttributes = { readonly json: string | undefined } | { readonly faults: readonly AttributeFault[] };

/** Checks the attributes of a request. */
export function checkAttributes(given: unknown): CheckedAttributes {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return whole("must be an object");
  const entries: [string, unknown][] = Object.entries(given);
  if (entries.length === 0) return { json: undefined };
  if (entries.length > ATTRIBUTES_MAX) return whole(`must have at most ${ATTRIBUTES_MAX} entries`);
  const faults = entries.flatMap(([name, value]) => {
    const message = faultOf(name, value);
    return message === undefined ? [] : [{ name, message }];
  });
  if (faults.length > 0) return { faults };
  const json = canonicalJson(entries);
  return Buffer.byteLength(json) > BYTES_MAX ? whole(`must be at most ${BYTES_MAX} bytes of JSON`) : { json };
}

function whole(message: string): CheckedAttributes {
  return { faults: [{ message }] };
}

function faultOf(name: string, value: unknown): string | undefined {
  if (name === "" || !isLine(name, NAME_MAX)) {
    return `must have names of 1 to ${NAME_MAX} characters without control characters`;
  }
  if (holdsCardNumber(name)) return "must not contain a card number in a name";
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "number":
      if (Math.abs(value) > NUMBER_MAX) return `must be from -${NUMBER_MAX} to ${NUMBER_MAX}`;
      break;
    case "string":
      if (!isLine(value, ATTRIBUTE_TEXT_MAX))
        return `must be at most ${ATTRIBUTE_TEXT_MAX} characters without control characters`;
      break;
    default:
      return "must be a string, a number, true or false";
  }
  return holdsCardNumber(String(value)) ? "must not contain a card number" : undefined;
}

function isLine(text: string, max: number): boolean {
  // A character has at most two code units.
  if (text.length > 2 * max || !ONE_LINE.test(text)) return false;
  return text.length <= max || [...text].length <= max;
}

function canonicalJson(entries: readonly [string, unknown][]): string {
  const sorted = entries.toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
}
