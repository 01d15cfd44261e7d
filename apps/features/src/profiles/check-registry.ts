import { TriplineError } from "@tripline/contracts/error-table";
import { profileView } from "@tripline/contracts/profile-tables";
import type { FeatureRegistry } from "@tripline/feast-client/feature-registry";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";

const NUMBERS: readonly unknown[] = ["INT32", "INT64", "FLOAT", "DOUBLE"];

/**
 * Compares Feast's registry with the profiles of the feature spec, so that a changed repository causes an error at
 * startup instead of default values in every vector.
 *
 * @param name name of the registry, for the message
 * @throws TriplineError `config-invalid` with a sentence about the difference
 */
export function checkRegistry(
  { featureViews }: Pick<FeatureRegistry, "featureViews">,
  engine: Pick<FeatureEngine, "profiles">,
  name: string,
): void {
  for (const profile of engine.profiles) {
    const { key } = profile;
    const view = profileView(profile.name);
    const found = featureViews.find((one) => one.name === view);
    if (found === undefined)
      throw refused(`${name} does not contain the feature view ${view}, which the feature spec reads.`);
    const keys = Object.entries(found.joinKeys).map(([column, type]) => `${column} (${type})`);
    if (keys.join() !== `${key} (STRING)`) {
      const own = keys.join(", ") || "nothing";
      throw refused(`In ${name}, the join key of ${view} is ${own}, but the feature spec requires ${key} (STRING).`);
    }
    for (const column of profile.columns) {
      const type = Object.hasOwn(found.features, column) ? found.features[column] : undefined;
      if (type === undefined)
        throw refused(`In ${name}, ${view} does not have the column ${column}, which the feature spec reads.`);
      if (!NUMBERS.includes(type)) {
        throw refused(`In ${name}, ${view}:${column} has type ${type}, but the feature spec requires a number.`);
      }
    }
  }
}

/** Describes what is wrong with the file that the setting names. */
export function refused(sentence: string, cause?: unknown): TriplineError {
  return new TriplineError("config-invalid", `FEAST_REGISTRY_FILE: ${sentence}`, [], { cause });
}
