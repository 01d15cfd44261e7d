import { isVersion } from "@tripline/model-registry/model-manifest";
import type { ListedVersion } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { z } from "zod";

/** `reference.py` describes the reference. */
const chained = z.object({ retrain: z.object({ reference: z.string() }) });

/** The versions that a retraining may compare although they have no alias. */
export function comparedVersions(listed: readonly ListedVersion[], candidate?: string): readonly string[] {
  const champion = listed.find(({ aliases }) => aliases.includes("champion"));
  const reference = chained.safeParse(champion?.manifest?.metrics).data?.retrain.reference;
  return [candidate, reference].filter((version) => version !== undefined);
}

/**
 * The version of a candidate, instead of its alias, which may move.
 *
 * @throws TriplineError `model-not-found`
 */
export async function versionOfCandidate(registryUrl: string, model: string, candidate: string): Promise<string> {
  return isVersion(candidate) ? candidate : openRegistry(registryUrl).aliasTarget(model, candidate);
}
