/** Converts values from a DuckDB row or a parsed line to message fields. */
export const fromRow = {
  text: (value: unknown): string => (typeof value === "string" ? value : ""),

  /** DuckDB returns 64-bit integers as bigint. */
  number: (value: unknown): number | undefined =>
    typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined,

  flag: (value: unknown): boolean | undefined => (typeof value === "boolean" ? value : undefined),
};
