import { ScimFault } from "./scim-fault.js";
import { withoutSchema } from "./scim-resource.js";

const CLAUSES_MAX = 4;
const CLAUSE = /\s*([A-Za-z][\w:.$-]*)\s+eq\s+("(?:[^"\\]|\\.)*"|true|false)\s*(and\s+|$)/iy;

/**
 * Reads a filter such as `userName eq "carla"`. Providers only test for equality, so nothing else is supported.
 *
 * @param known attributes that can be compared, in lower case
 * @returns the required value of each attribute
 * @throws ScimFault `invalidFilter`
 */
export function readFilter(text: string | undefined, known: readonly string[]): ReadonlyMap<string, string> {
  const wanted = new Map<string, string>();
  if (text === undefined || text.trim() === "") return wanted;
  CLAUSE.lastIndex = 0;
  for (let clause = 0; clause < CLAUSES_MAX; clause += 1) {
    const [matched, attribute = "", literal = "", next] = CLAUSE.exec(text) ?? [];
    const name = withoutSchema(attribute).toLowerCase();
    if (matched === undefined || !known.includes(name) || wanted.has(name)) break;
    wanted.set(name, readLiteral(literal));
    if (next === "") return wanted;
  }
  const detail = `The filter is not supported. It may compare ${known.join(", ")} with eq, and combine comparisons with and.`;
  throw new ScimFault("invalidFilter", detail);
}

function readLiteral(literal: string): string {
  let value: string;
  try {
    value = String(JSON.parse(literal));
  } catch {
    throw new ScimFault("invalidFilter", "A value in the filter is not a valid JSON string.");
  }
  // The text was checked before it arrived here, but its escape sequences were not decoded yet.
  if (value.includes("\0")) {
    throw new ScimFault("invalidFilter", "A value in the filter must not contain the character U+0000.");
  }
  return value;
}
