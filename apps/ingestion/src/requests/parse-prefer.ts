const SECONDS = /^\d{1,9}(?:\.\d{1,9})?$/;

/**
 * How long a client prefers to wait for the answer: `wait` of RFC 7240 section 4.3, here with fractions too. Anything
 * malformed is ignored, as the RFC requires of preferences.
 *
 * @param header value of `Prefer`, several joined by commas
 * @param secondsMax longest wait
 * @returns seconds; undefined when there is nothing to wait for
 */
export function parseWait(header: string | readonly string[] | undefined, secondsMax: number): number | undefined {
  if (header === undefined) return undefined;
  const text = typeof header === "string" ? header : header.join(",");
  if (last.text !== text || last.secondsMax !== secondsMax)
    last = { text, secondsMax, seconds: readWait(text, secondsMax) };
  return last.seconds;
}

/** Callers mostly send the same value with every request. */
let last: { readonly text: string; readonly secondsMax: number; readonly seconds: number | undefined } = {
  text: "",
  secondsMax: 0,
  seconds: undefined,
};

function readWait(text: string, secondsMax: number): number | undefined {
  for (const part of splitPreferences(text)) {
    // What follows a semicolon are parameters; `wait` has none.
    const [preference = ""] = part.split(";", 1);
    const [name = "", value = ""] = preference.split("=", 2);
    if (name.trim().toLowerCase() !== "wait") continue;
    // Of a repeated preference only the first counts.
    const bare = value.trim().replace(/^"(.*)"$/, "$1");
    if (!SECONDS.test(bare)) return undefined;
    const seconds = Math.min(Number(bare), secondsMax);
    return seconds > 0 ? seconds : undefined;
  }
  return undefined;
}

/** Splits a header at the commas outside of quoted values, always in one pass. */
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
