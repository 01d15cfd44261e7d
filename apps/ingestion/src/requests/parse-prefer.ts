import { TriplineError } from "@tripline/contracts/error-table";

const SECONDS = /^\d{1,9}(?:\.\d{1,9})?$/;
/** Numbers in other formats, which are rejected instead of ignored. */
const OTHER_NUMBER = /^[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:e[+-]?\d{1,9})?$/i;
/** Shorter waits are useless, and the response header would be `wait=1e-7`. */
const SECONDS_MIN = 0.001;

/**
 * Returns the time for which a client prefers to wait for the result: `wait` of RFC 7240 section 4.3, including
 * fractions. Anything but a number is ignored, as the RFC requires.
 *
 * @param header value of `Prefer`; several values are joined by commas
 * @param secondsMax maximum wait
 * @returns seconds; undefined if the client does not wait
 * @throws TriplineError `invalid-header` for a number that is not plain decimal, is negative, or is below a millisecond
 */
export function parseWait(header: string | readonly string[] | undefined, secondsMax: number): number | undefined {
  if (header === undefined) return undefined;
  const text = typeof header === "string" ? header : header.join(",");
  if (last.text !== text || last.secondsMax !== secondsMax)
    last = { text, secondsMax, seconds: readWait(text, secondsMax) };
  return last.seconds;
}

/** Cached, because most callers send the same value with every request. */
let last: { readonly text: string; readonly secondsMax: number; readonly seconds: number | undefined } = {
  text: "",
  secondsMax: 0,
  seconds: undefined,
};

function readWait(text: string, secondsMax: number): number | undefined {
  for (const part of splitPreferences(text)) {
    // Parameters follow a semicolon. `wait` has none.
    const [preference = ""] = part.split(";", 1);
    const [name = "", value = ""] = preference.split("=", 2);
    if (name.trim().toLowerCase() !== "wait") continue;
    // If a preference is repeated, only the first one counts.
    const bare = value.trim().replace(/^"(.*)"$/, "$1");
    const isPlain = SECONDS.test(bare);
    if (!isPlain && !OTHER_NUMBER.test(bare)) return undefined;
    const seconds = Number(bare);
    if (isPlain && seconds === 0) return undefined;
    if (!isPlain || seconds < SECONDS_MIN) {
      const detail = `Prefer: wait must be a number of seconds, ${SECONDS_MIN} or more, such as 5 or 0.5.`;
      throw new TriplineError("invalid-header", detail);
    }
    return Math.min(seconds, secondsMax);
  }
  return undefined;
}

/** Splits a header at commas outside quoted values, in a single pass. */
function splitPreferences(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === "\\" && isQuoted) index += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === "," && !isQuoted) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
