/**
 * A `.properties` file as Java reads it (java.util.Properties.load): ISO 8859-1, with backslashes before what has a meaning
 * of its own, and other characters as the code units of UTF-16.
 */
export function toProperties(settings: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${escaped(name, /[\\:=#! ]/g)}=${escaped(String(value), /\\|^ /g)}\n`)
    .join("");
}

function escaped(text: string, special: RegExp): string {
  return text.replace(special, "\\$&").replace(/[^ -~]/g, asCodeUnit);
}

function asCodeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
