import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { encodeModel } from "@tripline/tree-shap/encode-model";

/* For tests: models of the current feature spec with predictable scores. */

const spec = currentFeatureSpec();
const MARGIN = 2;

/** The index of the amount in a vector. */
export const AMOUNT = spec.features.findIndex(({ name }) => name === "amount");

/** Publishes a model with one tree: a margin of 2 above an amount, otherwise -2. @returns its version */
export async function publishAmountModel(
  registryUrl: string,
  threshold: number,
  scorecard?: string,
  used?: readonly string[],
): Promise<string> {
  const split = {
    feature: AMOUNT,
    mode: "BRANCH_LEQ",
    threshold,
    missingTrue: false,
    whenTrue: { value: -MARGIN, cover: 1 },
    whenFalse: { value: MARGIN, cover: 1 },
  };
  const sigmoid = { opType: "Sigmoid", inputs: ["margin"], outputs: ["probability"] };
  const modelBytes = encodeModel({
    features: spec.features.length,
    trees: [split],
    nodesAfter: [sigmoid],
    output: "probability",
  });
  const { version } = await openRegistry(registryUrl).publish({
    name: "fraud",
    modelBytes,
    ...(scorecard === undefined ? {} : { scorecard: Buffer.from(scorecard) }),
    golden: { inputs: [valuesOf(0)], outputs: [scoreOf(0, threshold)] },
    manifest: {
      created_at: "2026-01-01T00:00:00Z",
      feature_spec_version: spec.version,
      features: spec.features.map(({ name }) => name),
      ...(used === undefined ? {} : { used_features: [...used] }),
      input: { name: "features", datatype: "FP32", shape: [-1, spec.features.length] },
      output: { name: "probability", datatype: "FP32", shape: [-1, 1] },
      metrics: {},
      lineage: { data_sha256: "0".repeat(64), commit: null, params: {}, trained_at: "2026-01-01T00:00:00+00:00" },
    },
  });
  return version;
}

/** The model's score. */
export function scoreOf(amount: number, threshold: number): number {
  return Math.fround(1 / (1 + Math.exp(amount > threshold ? -MARGIN : MARGIN)));
}

/** A vector with this amount. */
export function valuesOf(amount: number): number[] {
  return spec.features.map((_, index) => (index === AMOUNT ? amount : (index + 0.1) / 7));
}
