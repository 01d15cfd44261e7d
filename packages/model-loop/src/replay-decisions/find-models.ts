import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { SCORECARD_NAME, scorecardVersion } from "@tripline/decision-engine/scorecard";
import { SCORECARD_FILE } from "@tripline/model-registry/model-manifest";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { ArchivedVersions } from "./read-archived.js";

/** Maximum number of models loaded at the same time on every thread. */
const MODELS_MAX = 20;

/**
 * The models that scored archived decisions.
 *
 * @throws TriplineError `model-not-found` for a version that is not in the registry, `spec-mismatch`, and like the
 *   registry
 */
export async function findModels(
  registryUrl: string,
  archived: readonly ArchivedVersions[],
  spec: FeatureSpec,
): Promise<ModelVersion[]> {
  const rows = new Map<string, { name: string; version: string; rows: number }>();
  for (const { modelName: name, modelVersion: version, specVersion, rows: more } of archived) {
    // Decisions without a model score need no model. Decisions with another spec are not replayed.
    if (name === "" || name === SCORECARD_NAME || specVersion !== spec.version) continue;
    const key = `${name}@${version}`;
    rows.set(key, { name, version, rows: (rows.get(key)?.rows ?? 0) + more });
  }
  if (rows.size > MODELS_MAX) {
    const detail = `The decisions were made by ${rows.size} model versions, more than ${MODELS_MAX}. Specify a shorter range, or --model.`;
    throw new TriplineError("invalid-field", detail);
  }
  const registry = openRegistry(registryUrl);
  return Promise.all(
    [...rows.values()].map(async (wanted) => {
      const model = await registry.resolve(wanted.name, wanted.version).catch((cause: unknown) => {
        if (!(cause instanceof TriplineError) || cause.code !== "model-not-found") throw cause;
        const detail =
          `${registryUrl} does not contain version ${wanted.version} of model ${wanted.name}, which scored ${wanted.rows} of the ` +
          "decisions. Specify its registry with --registry, or score with another version with --model.";
        throw new TriplineError("model-not-found", detail, [], { cause });
      });
      return checked(model, spec);
    }),
  );
}

/**
 * The model that replaces the archived models.
 *
 * @param reference a version or alias, or `name@version`
 * @throws like `findModels`
 */
export async function findModel(
  registryUrl: string,
  reference: { readonly name: string; readonly at: string },
  spec: FeatureSpec,
): Promise<ModelVersion> {
  return checked(await openRegistry(registryUrl).resolve(reference.name, reference.at), spec);
}

/**
 * The JSON of the scorecards that were used as a fallback. A scorecard's version is the start of its sha256, which is
 * also in the manifest of its model. Scorecards that are not in the registry are omitted.
 */
export async function findScorecards(
  registryUrl: string,
  archived: readonly ArchivedVersions[],
  spec: FeatureSpec,
): Promise<string[]> {
  const ofSpec = archived.filter(({ specVersion }) => specVersion === spec.version);
  const wanted = new Set(
    ofSpec.flatMap(({ modelName, modelVersion }) => (modelName === SCORECARD_NAME ? [modelVersion] : [])),
  );
  const texts: string[] = [];
  if (wanted.size === 0) return texts;
  const registry = openRegistry(registryUrl);
  for (const name of await registry.models()) {
    for (const { version, manifest } of await registry.list(name)) {
      const sha256 = manifest?.files[SCORECARD_FILE];
      if (sha256 === undefined || !wanted.delete(scorecardVersion(sha256))) continue;
      texts.push(Buffer.from((await registry.scorecard(name, version)) ?? []).toString("utf8"));
    }
  }
  return texts;
}

function checked(model: ModelVersion, spec: FeatureSpec): ModelVersion {
  const { name, version, features, feature_spec_version: specVersion } = model.manifest;
  const isSame =
    specVersion === spec.version && features.join() === spec.features.map((feature) => feature.name).join();
  if (isSame) return model;
  throw new TriplineError(
    "spec-mismatch",
    `Model ${name} ${version} was trained for feature spec ${specVersion}, but this build has ${spec.version}: ` +
      "replay with a model for this spec (--model), or with a release that has the other spec.",
  );
}
