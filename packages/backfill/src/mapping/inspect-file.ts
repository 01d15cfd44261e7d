import { relative, resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import { databaseMemory } from "@tripline/lake/database-memory";
import { stringify } from "yaml";
import { unreadableInput } from "../input/transactions-source.js";
import type { Declaration, DeclaredField } from "./declare-field.js";
import { declareField } from "./declare-field.js";
import type { Mapping } from "./mapping.js";
import { formatOf } from "./mapping.js";
import { detectEncoding, inUtf8, UTF_8 } from "./open-text.js";
import type { ColumnProfile } from "./profile-columns.js";
import { MISSING_TEXTS, profileColumn } from "./profile-columns.js";
import type { Proposal } from "./propose-fields.js";
import { fieldEntry, needsAllTexts, proposeFields } from "./propose-fields.js";
import type { FileFormat } from "./read-raw.js";
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
/** Number of distinct values to read from a column whose first rows are not enough. More than the maximum for an enum. */
const RARE_READ_MAX = 1_000;

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
  const { notes, ...csv } = format === "csv" ? await detectCsv(file) : { notes: [], encoding: UTF_8 };
  const inspection = await inUtf8(file, csv.encoding, (copy) =>
    inspectColumns({ file: copy, format, csv: { ...csv, encoding: UTF_8 } }, declarations),
  );
  const proposal = { ...inspection.proposal, notes: [...notes, ...inspection.proposal.notes] };
  const { columns, declared, missing } = inspection;
  return { ...proposal, columns, declared, yaml: yamlOf(relative(resolve(folder), file), csv, missing, proposal) };
}

async function detectCsv(file: string) {
  try {
    const { encoding, notes } = await detectEncoding(file);
    const { delimiter } = await readHeader(file, { encoding });
    return { notes, encoding, delimiter };
  } catch (error) {
    throw error instanceof TriplineError ? error : unreadableInput(file, error);
  }
}

async function inspectColumns(format: FileFormat, declarations: readonly Declaration[]) {
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: databaseMemory() });
  const connection = await instance.connect();
  try {
    const { columns, texts } = await sampleRows(connection, format, SAMPLE_ROWS);
    const profiles = columns.map((name, index) => profileColumn(name, texts[index] ?? []));
    const rare = new Map<string, ColumnProfile>();
    for (const profile of profiles) {
      const { name } = profile;
      const types = declarations.flatMap(({ column, type }) => (column === name ? [type] : []));
      const isListed = types.some((type) => type === "enum" || type === "country");
      if (!isListed && !needsAllTexts(profile)) continue;
      rare.set(name, profileColumn(name, await distinctTexts(connection, format, name, RARE_READ_MAX)));
    }
    const profileOf = (column: string) => rare.get(column) ?? profiles.find(({ name }) => name === column);
    const declared = declarations.map((one) => declareField(one, profileOf(one.column)));
    const undeclared = profiles.filter(({ name }) => !declared.some(({ column }) => column === name));
    const proposal = withDeclared(proposeFields(undeclared, rare), profileOf, declared);
    const found = new Set(texts.flat().filter((text) => text !== null && text.trim() !== ""));
    return { columns, declared, proposal, missing: [...MISSING_TEXTS].filter((text) => found.has(text)) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function withDeclared(
  proposal: Proposal,
  profileOf: (column: string) => ColumnProfile | undefined,
  declared: readonly DeclaredField[],
): Proposal {
  const fields = declared.flatMap(({ name, column, type, replaced }) => {
    const profile = profileOf(column);
    const values = replaced === undefined ? {} : { values: replaced };
    return profile === undefined ? [] : [[name, { ...fieldEntry(profile, { type }), ...values }] as const];
  });
  return { ...proposal, fields: { ...proposal.fields, ...Object.fromEntries(fields) } };
}

function yamlOf(
  file: string,
  { delimiter = ",", encoding = UTF_8 }: Mapping["csv"],
  missing: readonly string[],
  { fields, label, notes, unmapped, unused }: Proposal,
): string {
  const comment = (lines: readonly string[]) => lines.map((line) => `# ${line}\n`).join("");
  const csv = { ...(delimiter === "," ? {} : { delimiter }), ...(encoding === UTF_8 ? {} : { encoding }) };
  const body = stringify(
    {
      file,
      ...(Object.keys(csv).length === 0 ? {} : { csv }),
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
