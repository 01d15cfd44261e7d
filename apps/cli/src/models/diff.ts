import { ScorePool } from "@tripline/model-loop/scoring/score-pool";
import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import { usedFeatures } from "@tripline/model-registry/model-manifest";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import type { ChangedValue } from "./changes.js";
import { changed } from "./changes.js";

/** The difference between the two models' scores of the same rows. */
export interface GoldenComparison {
  /** Number of rows in both golden batches. */
  readonly rows: number;
  readonly mean_difference: number;
  readonly max_difference: number;
  /** Both models' scores for the row with the largest difference. */
  readonly worst: { readonly a: number; readonly b: number };
}

export interface ModelDiff {
  readonly name: string;
  readonly a: string;
  readonly b: string;
  readonly features: {
    readonly spec_versions: readonly [number, number];
    readonly only_a: readonly string[];
    readonly only_b: readonly string[];
    /** Whether both models have the same names in a different order. */
    readonly reordered: boolean;
    /** Input features that both models have but that only one of them uses. */
    readonly used_only_a: readonly string[];
    readonly used_only_b: readonly string[];
  };
  readonly params: readonly ChangedValue[];
  readonly metrics: readonly ChangedValue[];
  readonly data: readonly ChangedValue[];
  /** Null if the features differ: then the models have no comparable rows. */
  readonly golden: GoldenComparison | null;
}

/**
 * The differences between two versions of a model. Scores are compared by running both models on both golden batches.
 *
 * @throws TriplineError `model-refused` if one of the two cannot be run
 */
export async function diffModels(a: ModelVersion, b: ModelVersion): Promise<ModelDiff> {
  const [ours, theirs] = [a.manifest.features, b.manifest.features];
  const only_a = ours.filter((name) => !theirs.includes(name));
  const only_b = theirs.filter((name) => !ours.includes(name));
  const isSameSet = only_a.length === 0 && only_b.length === 0;
  const isSame = isSameSet && ours.every((name, index) => name === theirs[index]);
  return {
    name: a.name,
    a: a.version,
    b: b.version,
    features: {
      spec_versions: [a.manifest.feature_spec_version, b.manifest.feature_spec_version],
      only_a,
      only_b,
      reordered: isSameSet && !isSame,
      used_only_a: usedByFirst(a.manifest, b.manifest),
      used_only_b: usedByFirst(b.manifest, a.manifest),
    },
    params: changed(a.manifest.lineage.params, b.manifest.lineage.params),
    metrics: changed(a.manifest.metrics, b.manifest.metrics),
    data: changed(dataOf(a.manifest), dataOf(b.manifest)),
    golden: isSame ? await compareGolden(a, b) : null,
  };
}

function usedByFirst(one: ModelManifest, other: ModelManifest): string[] {
  const others = usedFeatures(other);
  return usedFeatures(one).filter((name) => other.features.includes(name) && !others.includes(name));
}

function dataOf({ lineage }: ModelManifest): Record<string, unknown> {
  const { params: _params, ...facts } = lineage;
  return facts;
}

async function compareGolden(a: ModelVersion, b: ModelVersion): Promise<GoldenComparison> {
  const inputs = [...a.golden.inputs, ...b.golden.inputs];
  const [ours, theirs] = [await scores(a, inputs), await scores(b, inputs)];
  const differences = Array.from(ours, (score, row) => Math.abs(score - (theirs[row] ?? Number.NaN)));
  const max = differences.reduce((most, difference) => Math.max(most, difference), 0);
  const worst = differences.indexOf(max);
  return {
    rows: inputs.length,
    mean_difference: differences.reduce((sum, difference) => sum + difference, 0) / inputs.length,
    max_difference: max,
    worst: { a: ours[worst] ?? Number.NaN, b: theirs[worst] ?? Number.NaN },
  };
}

async function scores(model: ModelVersion, inputs: readonly (readonly number[])[]): Promise<Float32Array> {
  const pool = await ScorePool.start(model, 1);
  try {
    return await pool.run(Float32Array.from(inputs.flat()), inputs.length);
  } finally {
    await pool.close();
  }
}
