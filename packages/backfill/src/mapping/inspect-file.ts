import { relative, resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { databaseMemory } from "@tripline/lake/database-memory";
import { stringify } from "yaml";
import type { Declaration, DeclaredField } from "./declare-field.js";
import { declareField, VALUES_MAX } from "./declare-field.js";
import { formatOf } from "./mapping.js";
import type { ColumnProfile } from "./profile-columns.js";
import { MISSING_TEXTS, profileColumn } from "./profile-columns.js";
import type { Proposal } from "./propose-fields.js";
import { fieldEntry, isRareByName, proposeFields } from "./propose-fields.js";
import { distinctTexts, sampleRows } from "./read-raw.js";
import { readHeader } from "./scan-lines.js";

export interface Inspection extends Proposal {
  readonly columns: readonly string[];
  /** Columns that become payment fields. */
  readonly declared: readonly DeclaredField[];
  /** The mapping. */
  readonly yaml: string;
}

/** Number of rows to sample from the start of the file. */
const SAMPLE_ROWS = 10_000;
/** Number of distinct values to read of a column that may be empty at the start of the file. */
const RARE_READ_MAX = 1_000;
/**
 * Number of distinct values to read: enough to detect an enum with too many values, even if the column also contains
 * every string that represents a missing value.
 */
const VALUES_READ_MAX = VALUES_MAX + MISSING_TEXTS.size + 1;

/**
 * Proposes a mapping for a file.
 *
 * @param folder of the mapping
 * @param declarations columns to add as payment fields
 * @throws TriplineError `invalid-field` if the file cannot be read, or a column does not fit its declared type
 */
export async function inspectFile(
  path: string,
  folder: string,
  declarations: readonly Declaration[] = [],
): Promise<Inspection> {
  const file = resolve(path);
  const format = formatOf(file);
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: databaseMemory() });
  const connection = await instance.connect();
  try {
    const csv = format === "csv" ? { delimiter: (await readHeader(file, '"')).delimiter } : {};
    const { columns, texts } = await sampleRows(connection, { file, format, csv }, SAMPLE_ROWS);
    const profiles = columns.map((name, index) => profileColumn(name, texts[index] ?? []));
    const rare = new Map<string, ColumnProfile>();
    for (const name of columns.filter(isRareByName)) {
      const all = await distinctTexts(connection, { file, format, csv }, name, RARE_READ_MAX);
      rare.set(name, profileColumn(name, all));
    }
    const declared: DeclaredField[] = [];
    for (const one of declarations) {
      const isEnum = one.type === "enum";
      const all = isEnum ? await distinctTexts(connection, { file, format, csv }, one.column, VALUES_READ_MAX) : [];
      const profile = rare.get(one.column) ?? profiles.find(({ name }) => name === one.column);
      declared.push(
        declareField(
          one,
          profile,
          all.filter((text) => !MISSING_TEXTS.has(text)),
        ),
      );
    }
    const undeclared = profiles.filter(({ name }) => !declared.some(({ column }) => column === name));
    const proposal = withDeclared(proposeFields(undeclared, rare), profiles, declared);
    const found = new Set(texts.flat().filter((text) => text !== null && text.trim() !== ""));
    const missing = [...MISSING_TEXTS].filter((text) => found.has(text));
    return { ...proposal, columns, declared, yaml: yamlOf(relative(resolve(folder), file), csv, missing, proposal) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function withDeclared(
  proposal: Proposal,
  profiles: readonly ColumnProfile[],
  declared: readonly DeclaredField[],
): Proposal {
  const fields = declared.flatMap(({ name, column, type, replaced }) => {
    const profile = profiles.find((one) => one.name === column);
    const values = replaced === undefined ? {} : { values: replaced };
    return profile === undefined ? [] : [[name, { ...fieldEntry(profile, { type }), ...values }] as const];
  });
  return { ...proposal, fields: { ...proposal.fields, ...Object.fromEntries(fields) } };
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
    comment(["Maps columns of the file to payment fields. Check it with: npx tripline data check --map <this file>"]),
    comment(notes.map((note) => `CHECK ${note}`)),
    body,
    ...(unmapped.length === 0 ? [] : [comment([`Fields without a column: ${unmapped.join(", ")}`])]),
    ...(unused.length === 0 ? [] : [comment([`Unused columns: ${unused.join(", ")}`])]),
  ].join("");
}
