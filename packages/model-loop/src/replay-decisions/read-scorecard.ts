import { readFile } from "node:fs/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";

/**
 * The JSON of a scorecard, which was checked.
 *
 * @throws TriplineError `config-invalid` for a file that cannot be read, `scorecard-invalid` for a faulty one
 */
export async function readScorecard(file: string, spec: FeatureSpec): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const detail = `The scorecard ${file} cannot be read (${cause.code}): give --scorecard the JSON that training wrote.`;
    throw new TriplineError("config-invalid", detail, [], { cause });
  });
  parseScorecard(text, spec, file);
  return text;
}
