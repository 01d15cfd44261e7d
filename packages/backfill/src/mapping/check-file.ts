import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { openWorkDatabase } from "../input/work-database.js";
import type { MappedFile } from "./map-rows.js";
import { mapRows } from "./map-rows.js";
import { filledColumns } from "./mapped-source.js";
import type { Mapping } from "./mapping.js";
import type { MissingInput } from "./missing-features.js";
import { featuresWithoutInput } from "./missing-features.js";
import type { TokenKey } from "./tokenise-values.js";
import { writeRejects } from "./write-rejects.js";

export interface CheckedFile extends MappedFile {
  readonly missing: readonly MissingInput[];
}

/**
 * Reads a file with its mapping, without computing features.
 *
 * @throws TriplineError `invalid-field` if the file cannot be read or lacks a column that the mapping names
 */
export async function checkFile(
  options: TokenKey & { readonly mapping: Mapping; readonly spec: FeatureSpec; readonly rejectsPath: string },
): Promise<CheckedFile> {
  const { mapping, spec, rejectsPath } = options;
  const database = await openWorkDatabase();
  try {
    await database.writer.run("SET force_compression = 'uncompressed'");
    const file = await mapRows(database.writer, mapping, options);
    await writeRejects(database.writer, mapping, file.columns, options, rejectsPath);
    return { ...file, missing: featuresWithoutInput(spec, filledColumns(mapping)) };
  } finally {
    await database.close();
  }
}
