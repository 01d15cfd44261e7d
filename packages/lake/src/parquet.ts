/** DuckDB's own default. */
const ROW_GROUP_ROWS = 122_880;

/** SQL: options of a COPY that writes a file of the lake. A reader skips or takes a row group as a whole. */
export function parquetOptions(rowGroupRows = ROW_GROUP_ROWS): string {
  return `(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${Math.min(rowGroupRows, ROW_GROUP_ROWS)})`;
}
