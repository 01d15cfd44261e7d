/** DuckDB's own default. */
const ROW_GROUP_ROWS = 122_880;

/** SQL: COPY options for a file of the lake. Readers skip or read whole row groups. */
export function parquetOptions(rowGroupRows = ROW_GROUP_ROWS): string {
  return `(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${Math.min(rowGroupRows, ROW_GROUP_ROWS)})`;
}
