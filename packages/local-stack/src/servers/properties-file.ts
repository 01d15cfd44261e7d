/**
 * A `.properties` file in Java's format (java.util.Properties.load): ISO 8859-1, with backslashes before special
 * characters, and other characters as UTF-16 escapes.
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
