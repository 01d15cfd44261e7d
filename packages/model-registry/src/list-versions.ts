import { asTriplineError } from "@tripline/contracts/error-table";
import type { ModelManifest } from "./model-manifest.js";
import type { ListedVersion } from "./model-registry.js";

/**
 * Versions with their aliases, oldest first; a version with an unreadable manifest is listed with its fault.
 *
 * @param aliases pairs of an alias and its version
 */
export async function listVersions(
  versions: readonly string[],
  aliases: Iterable<readonly [alias: string, version: string]>,
  manifestOf: (version: string) => Promise<ModelManifest>,
): Promise<ListedVersion[]> {
  const named = [...aliases];
  const listed = await Promise.all(
    versions.map(async (version): Promise<ListedVersion> => {
      const own = named.filter(([, target]) => target === version).map(([alias]) => alias);
      try {
        return { version, aliases: own, manifest: await manifestOf(version) };
      } catch (error) {
        return { version, aliases: own, fault: asTriplineError(error).message };
      }
    }),
  );
  const age = (item: ListedVersion): number => Date.parse(item.manifest?.created_at ?? "") || 0;
  return listed.sort((a, b) => age(a) - age(b));
}
