/* Values of a row from DuckDB or of a parsed line, as the fields of a message hold them. */

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Whole numbers of 64 bits are bigints. */
export function number(value: unknown): number | undefined {
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}

export function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}
