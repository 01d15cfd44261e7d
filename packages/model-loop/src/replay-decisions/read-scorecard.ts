import { readFile } from "node:fs/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";

/**
 * The validated JSON of a scorecard.
 *
 * @throws TriplineError `config-invalid` for an unreadable file, `scorecard-invalid` for an invalid scorecard
 */
export async function readScorecard(file: string, spec: FeatureSpec): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const detail = `The scorecard ${file} cannot be read (${cause.code}). Set --scorecard to the JSON file that training wrote.`;
    throw new TriplineError("config-invalid", detail, [], { cause });
  });
  parseScorecard(text, spec, file);
  return text;
}
