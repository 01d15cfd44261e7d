/** Values of a row from DuckDB or of a parsed line, as the fields of a message hold them. */
export const fromRow = {
  text: (value: unknown): string => (typeof value === "string" ? value : ""),

  /** Whole numbers of 64 bits are bigints. */
  number: (value: unknown): number | undefined =>
    typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined,

  flag: (value: unknown): boolean | undefined => (typeof value === "boolean" ? value : undefined),
};
