import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { encodeModel } from "@tripline/tree-shap/encode-model";

const HIDDEN = 4;
const GOLDEN_ROWS = 16;

/** A network with two layers, small enough that the test computes its scores without onnxruntime. */
export interface TestNetwork {
  readonly version: string;
  /** The network's score for a feature vector. */
  scoreOf(values: readonly number[]): number;
}

/**
 * Publishes a network for the features of the champion, with the champion's scorecard.
 *
 * @param bias of the last layer; a different bias gives a different version
 * @param changes to the champion's manifest
 */
export async function publishNetwork(
  registry: RecordingRegistry,
  bias: number,
  changes: Partial<Pick<ModelManifest, "feature_spec_version" | "features">> = {},
): Promise<TestNetwork> {
  const { manifest, golden, version: champion } = await registry.resolve(MODEL_NAME, "champion");
  const { name, version: _version, files: _files, ...facts } = manifest;
  const width = manifest.features.length;
  const first = Array.from({ length: width * HIDDEN }, (_, at) => Math.fround(0.02 * Math.sin(at + 1)));
  const second = Array.from({ length: HIDDEN }, (_, at) => Math.fround(Math.cos(at)));
  const scoreOf = (values: readonly number[]): number => {
    const hidden = second.map((_, to) =>
      Math.tanh(values.reduce((sum, value, from) => sum + value * (first[from * HIDDEN + to] ?? 0), 0)),
    );
    const margin = hidden.reduce((sum, value, from) => sum + value * (second[from] ?? 0), bias);
    return Math.fround(1 / (1 + Math.exp(-margin)));
  };
  const inputs = golden.inputs.slice(0, GOLDEN_ROWS);
  const scorecard = await registry.scorecard(name, champion);
  const { version } = await registry.publish({
    name,
    modelBytes: encodeModel({
      features: width,
      nodesAfter: [
        { opType: "Reshape", inputs: ["first", "firstShape"], outputs: ["firstMatrix"] },
        { opType: "MatMul", inputs: ["features", "firstMatrix"], outputs: ["hidden"] },
        { opType: "Tanh", inputs: ["hidden"], outputs: ["seen"] },
        { opType: "Reshape", inputs: ["second", "secondShape"], outputs: ["secondMatrix"] },
        { opType: "MatMul", inputs: ["seen", "secondMatrix"], outputs: ["unbiased"] },
        { opType: "Add", inputs: ["unbiased", "bias"], outputs: ["margin"] },
        { opType: "Sigmoid", inputs: ["margin"], outputs: [manifest.output.name] },
      ],
      constants: { first, second, bias: [bias] },
      shapes: { firstShape: [width, HIDDEN], secondShape: [HIDDEN, 1] },
      output: manifest.output.name,
    }),
    golden: { inputs, outputs: inputs.map(scoreOf) },
    ...(scorecard === undefined ? {} : { scorecard }),
    manifest: { ...facts, ...changes, created_at: new Date().toISOString() },
  });
  return { version, scoreOf };
}
