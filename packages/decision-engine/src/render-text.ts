import type { Unit } from "./format-value.js";
import { formatValue } from "./format-value.js";

/** A sentence with placeholders. Literals and placeholders alternate, starting with a literal. */
export interface Template {
  readonly literals: readonly string[];
  /** The variables in the placeholders. */
  readonly names: readonly string[];
  /** The format of each value; undefined for non-numeric values. */
  readonly units: readonly (Unit | undefined)[];
  /** The singular and plural of a placeholder that represents words instead of a value. */
  readonly words: readonly (Words | undefined)[];
}

type Words = readonly [one: string, other: string];

export type TemplateValue = number | bigint | string | boolean;

const PLACEHOLDER = /\{([a-z][a-z0-9_]*)(?::([^{}/]+)\/([^{}/]+))?\}/g;

/** The variable that contains the currency of amounts. */
const CURRENCY = "currency";

/**
 * Splits `text` at its `{name}` and `{name:one/other}` placeholders. `undefined` if a brace is not part of a
 * placeholder.
 *
 * @param unitOf the format of a variable's value
 */
export function parseTemplate(text: string, unitOf: (name: string) => Unit | undefined): Template | undefined {
  const literals = text.replace(PLACEHOLDER, "\0").split("\0");
  if (literals.some((literal) => /[{}]/.test(literal))) return undefined;
  const found = [...text.matchAll(PLACEHOLDER)];
  if (literals.length !== found.length + 1) return undefined;
  const names = found.map(([, name = ""]) => name);
  const words = found.map(([, , one, other]): Words | undefined =>
    one === undefined || other === undefined ? undefined : [one, other],
  );
  return { literals, names, units: names.map(unitOf), words };
}

/** The sentence with `values` in its placeholders. A missing value is reported in the text, never silently omitted. */
export function renderText(template: Template, values: Readonly<Record<string, unknown>>): string {
  let text = template.literals[0] ?? "";
  // If the sentence names the currency itself, the amount must not repeat it.
  const withCode = !template.names.includes(CURRENCY);
  template.names.forEach((name, index) => {
    const written = writtenValue(name, values, template.units[index], withCode);
    const words = template.words[index];
    text += words === undefined ? written : words[written === "1" ? 0 : 1];
    text += template.literals[index + 1] ?? "";
  });
  return text;
}

function writtenValue(
  name: string,
  values: Readonly<Record<string, unknown>>,
  unit: Unit | undefined,
  withCode: boolean,
): string {
  const value = values[name];
  if (value === undefined) return `(${name} unknown)`;
  if (typeof value !== "number" && typeof value !== "bigint") return String(value);
  const currency = values[CURRENCY];
  return formatValue(value, unit ?? "decimal", typeof currency === "string" ? currency : "", withCode);
}
