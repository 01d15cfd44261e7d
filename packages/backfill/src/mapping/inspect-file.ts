import { relative, resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { databaseMemory } from "@tripline/lake/database-memory";
import { stringify } from "yaml";
import { formatOf } from "./mapping.js";
import { MISSING_TEXTS, profileColumn } from "./profile-columns.js";
import type { Proposal } from "./propose-fields.js";
import { proposeFields } from "./propose-fields.js";
import { sampleRows } from "./read-raw.js";
import { readHeader } from "./scan-lines.js";

export interface Inspection extends Proposal {
  readonly columns: readonly string[];
  /** The mapping. */
  readonly yaml: string;
}

/** Number of rows to sample from the start of the file. */
const SAMPLE_ROWS = 10_000;

/**
 * Proposes a mapping for a file.
 *
 * @param folder of the mapping
 * @throws TriplineError `invalid-field` if the file cannot be read
 */
export async function inspectFile(path: string, folder: string): Promise<Inspection> {
  const file = resolve(path);
  const format = formatOf(file);
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: databaseMemory() });
  const connection = await instance.connect();
  try {
    const csv = format === "csv" ? { delimiter: (await readHeader(file, '"')).delimiter } : {};
    const { columns, texts } = await sampleRows(connection, { file, format, csv }, SAMPLE_ROWS);
    const proposal = proposeFields(columns.map((name, index) => profileColumn(name, texts[index] ?? [])));
    const found = new Set(texts.flat().filter((text) => text !== null && text.trim() !== ""));
    const missing = [...MISSING_TEXTS].filter((text) => found.has(text));
    return { ...proposal, columns, yaml: yamlOf(relative(resolve(folder), file), csv, missing, proposal) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function yamlOf(
  file: string,
  csv: { readonly delimiter?: string },
  missing: readonly string[],
  { fields, label, notes, unmapped, unused }: Proposal,
): string {
  const comment = (lines: readonly string[]) => lines.map((line) => `# ${line}\n`).join("");
  const body = stringify(
    {
      file,
      ...(csv.delimiter === undefined || csv.delimiter === "," ? {} : { csv }),
      ...(missing.length === 0 ? {} : { missing }),
      fields,
      ...(label === undefined ? {} : { label }),
    },
    { collectionStyle: "any", lineWidth: 0 },
  );
  return [
    comment([
      "Which columns of the file are which fields of a payment. Check it with: npx tripline data check --map <this file>",
    ]),
    comment(notes.map((note) => `CHECK ${note}`)),
    body,
    ...(unmapped.length === 0 ? [] : [comment([`Fields without a column: ${unmapped.join(", ")}`])]),
    ...(unused.length === 0 ? [] : [comment([`Unused columns: ${unused.join(", ")}`])]),
  ].join("");
}
