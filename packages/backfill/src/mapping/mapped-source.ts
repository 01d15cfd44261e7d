import { MAPPED_FIELDS } from "../generated/mapped-fields.js";
import { OPTIONAL_COLUMNS } from "../generated/optional-columns.js";
import type { TransactionsSource } from "../input/transactions-source.js";
import { filesIdentity, TRANSACTIONS_COLUMNS } from "../input/transactions-source.js";
import { sqlName } from "../input/work-database.js";
import type { MappedFile } from "./map-rows.js";
import { mapRows } from "./map-rows.js";
import type { Mapping } from "./mapping.js";
import type { TokenKey } from "./tokenise-values.js";
import { keyFingerprint, tokenTable } from "./tokenise-values.js";
import { writeRawColumns } from "./write-raw-columns.js";
import { writeRejects } from "./write-rejects.js";

export interface MappedSourceOptions {
  readonly mapping: Mapping;
  /** The key with which the ingestion API makes tokens. */
  readonly key: Uint8Array;
  /** File for rejected rows. By default, they are only counted. */
  readonly rejectsPath?: string;
  /** Parquet file with the original columns of accepted rows. */
  readonly rawPath?: string;
  readonly onMapped?: (file: MappedFile) => void;
}

/** The payments of a mapped file, for `backfill`. Rejected rows are omitted. */
export function mappedSource({
  mapping,
  key,
  rejectsPath,
  rawPath,
  onMapped,
}: MappedSourceOptions): TransactionsSource {
  return {
    identity: async (connection) => [
      mapping.text,
      keyFingerprint(key),
      ...(await filesIdentity(connection, mapping.file)),
    ],
    async prepare(connection, tenant) {
      const tokens: TokenKey = { key, tenant };
      const file = await mapRows(connection, mapping, tokens);
      if (rejectsPath !== undefined) await writeRejects(connection, mapping, file.columns, tokens, rejectsPath);
      if (rawPath !== undefined) await writeRawColumns(connection, mapping, file.columns, rawPath);
      onMapped?.(file);
      return paymentsSelect(mapping);
    },
  };
}

/** SQL for the accepted rows of `mapped` as rows of a transactions file. Equal times keep the order of the file. */
function paymentsSelect(mapping: Mapping): string {
  const values: Record<string, string> = {
    client_transaction_id: "mapped.transaction_id",
    card_token: "card_tokens.token",
    amount_minor: "amount_minor",
    currency: "currency",
    occurred_at_ms: "occurred_at_ms",
    fraud: "CASE WHEN labelled_at_ms IS NOT NULL THEN fraud END",
    labelled_at_ms: "labelled_at_ms",
    bin: "card_tokens.bin",
  };
  const joins = [`JOIN ${tokenTable("card")} AS card_tokens ON card_tokens.value = mapped.card`];
  for (const { name, column, token, derived = [] } of MAPPED_FIELDS) {
    if (mapping.fields[name] === undefined) continue;
    if (token === undefined) {
      values[column] = name === "bin" ? "coalesce(mapped.bin, card_tokens.bin)" : `mapped.${sqlName(name)}`;
      continue;
    }
    const table = sqlName(`${name}_tokens`);
    joins.push(`LEFT JOIN ${tokenTable(name)} AS ${table} ON ${table}.value = mapped.${sqlName(name)}`);
    values[column] = `${table}.token`;
    for (const { column: other } of derived) values[other] = `${table}.${sqlName(other)}`;
  }
  const columns = Object.entries({ ...TRANSACTIONS_COLUMNS, ...OPTIONAL_COLUMNS }).map(
    ([column, type]) => `(${values[column] ?? "NULL"})::${type} AS ${column}`,
  );
  return `SELECT ${columns.join(", ")}, raw_row AS tie_order FROM mapped ${joins.join(" ")} WHERE reason IS NULL`;
}

/** Columns of a transactions file that this mapping can fill. */
export function filledColumns(mapping: Mapping): string[] {
  const { fields, label } = mapping;
  const declared = MAPPED_FIELDS.filter(({ name }) => fields[name] !== undefined);
  return [
    "client_transaction_id",
    ...["card_token", "amount_minor", "currency", "occurred_at_ms"],
    ...(label === undefined ? [] : ["fraud", "labelled_at_ms"]),
    ...(fields.card.holds === "number" ? ["bin"] : []),
    ...declared.flatMap(({ column, derived = [] }) => [column, ...derived.map((one) => one.column)]),
  ];
}
