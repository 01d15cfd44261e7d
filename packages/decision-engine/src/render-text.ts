/** A sentence with placeholders: literal texts and variable names alternate, beginning with a literal. */
export interface Template {
  readonly literals: readonly string[];
  readonly names: readonly string[];
}

export type TemplateValue = number | bigint | string | boolean;

const PLACEHOLDER = /\{([a-z][a-z0-9_]*)\}/g;

/** Splits `text` at its `{name}` placeholders. `undefined` if a brace is not part of a placeholder. */
export function parseTemplate(text: string): Template | undefined {
  const literals = text.replace(PLACEHOLDER, "\0").split("\0");
  if (literals.some((literal) => /[{}]/.test(literal))) return undefined;
  const names = [...text.matchAll(PLACEHOLDER)].map((match) => match[1] ?? "");
  return literals.length === names.length + 1 ? { literals, names } : undefined;
}

/** The sentence with `values` in its placeholders. A missing value is named, never left out silently. */
export function renderText(template: Template, values: Readonly<Record<string, unknown>>): string {
  let text = template.literals[0] ?? "";
  template.names.forEach((name, index) => {
    const value = values[name];
    text += value === undefined ? `(${name} unknown)` : formatValue(name, value);
    text += template.literals[index + 1] ?? "";
  });
  return text;
}

function formatValue(name: string, value: unknown): string {
  if (typeof value !== "number") return String(value);
  if (/(^|_)seconds(_|$)/.test(name)) return formatDuration(value);
  return /(^|_)(fraud_rate|risk)(_|$)/.test(name) ? `${formatNumber(value * 100)} %` : formatNumber(value);
}

/** At most two decimals; below 0.01 one significant digit, so that a small share is not shown as 0. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude === 0 || magnitude < 0.0001) return "0";
  return magnitude < 0.01 ? String(Number(value.toPrecision(1))) : String(Number(value.toFixed(2)));
}

/** Seconds in the largest unit of which there are at least two: `45 seconds`, `12 minutes`, `5.5 hours`, `3 days`. */
export function formatDuration(seconds: number): string {
  for (const [unit, size] of [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ] as const) {
    if (seconds >= 2 * size) return plural(Number((seconds / size).toFixed(1)), unit);
  }
  return plural(Number(formatNumber(seconds)), "second");
}

function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
