/** No schema is this deep, so validation rejects deeper bodies anyway. */
const DEPTH_MAX = 8;
const COLON = 0x3a;
/** Matches strings and structural characters. */
const TOKEN = /"(?:[^"\\]+|\\.)*"|[{}[\],]/g;

/**
 * Finds a duplicate key in an object. `JSON.parse` uses the last value, and other parsers use the first (RFC 8259
 * section 4). The caller's signature or log could therefore describe a different payment from the one that is decided.
 *
 * @param text valid JSON
 * @param value the result of `JSON.parse`
 * @returns the path of the first duplicate key
 */
export function findRepeatedKey(text: string, value: unknown): string[] | undefined {
  // Counting keys is enough for nearly all bodies and three times as fast as a search, because `JSON.parse` keeps one
  // of the duplicates. Counting is unreliable for keys with escapes, because V8 13 sometimes keeps the second one as a
  // different key.
  if (!text.includes("\\") && countKeys(text) === keysOf(value, DEPTH_MAX)) return undefined;
  return searchRepeatedKey(text);
}

/** Jumps from quote to quote, twice as fast as reading every character. Only valid without escapes. */
function countKeys(text: string): number {
  let keys = 0;
  let open = text.indexOf('"');
  while (open !== -1) {
    const close = text.indexOf('"', open + 1);
    if (close === -1) return keys;
    let next = close + 1;
    while (isSpace(text.charCodeAt(next))) next += 1;
    if (text.charCodeAt(next) === COLON) keys += 1;
    open = text.indexOf('"', next);
  }
  return keys;
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** Uses `for in`, for which V8 caches the names of each object shape. It is ten times as fast as `Object.values`. */
function keysOf(value: unknown, depth: number): number {
  if (!isContainer(value)) return 0;
  let members = 0;
  let below = 0;
  for (const name in value) {
    members += 1;
    const member = value[name];
    if (isContainer(member) && depth > 0) below += keysOf(member, depth - 1);
  }
  return Array.isArray(value) ? below : members + below;
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** An open object or array during the search, and its current member. */
interface Level {
  /** The keys seen so far; absent for an array. */
  readonly keys?: Set<string>;
  member: string;
  isKeyNext: boolean;
}

function searchRepeatedKey(text: string): string[] | undefined {
  const levels: Level[] = [];
  for (const [token] of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    if (token === "{") levels.push({ keys: new Set(), member: "", isKeyNext: true });
    else if (token === "[") levels.push({ member: "0", isKeyNext: false });
    else if (token === "}" || token === "]") levels.pop();
    else if (level === undefined) continue;
    else if (token === ",") nextMember(level);
    else if (level.isKeyNext) {
      level.member = String(JSON.parse(token));
      level.isKeyNext = false;
      if (level.keys?.has(level.member)) return levels.map(({ member }) => member);
      level.keys?.add(level.member);
    }
  }
  return undefined;
}

function nextMember(level: Level): void {
  if (level.keys === undefined) level.member = String(Number(level.member) + 1);
  else level.isKeyNext = true;
}
