import { cp } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { GoldenBatch, ModelManifest } from "@tripline/model-registry/model-manifest";
import { integratedGradients } from "@tripline/tree-shap/integrated-gradients";
import type { TestScoring } from "../testing/service.js";
import { failureOf, METHODS, rawRequest, rawScores, startTestScoring } from "../testing/service.js";
import { InferenceWorker } from "./inference-worker.js";

/** Small networks as `train_torch` and `train_keras` publish them. */
const NETWORKS = fileURLToPath(new URL("../../test-models/networks/generated", import.meta.url));
const MODELS = ["fraud-torch", "fraud-keras"];
const ALIAS = "candidate";

let scoring: TestScoring;

beforeAll(async () => {
  const references = MODELS.map((name) => `${name}@${ALIAS}`).join(",");
  scoring = await startTestScoring({ MODELS: references }, (models) => cp(NETWORKS, models.root, { recursive: true }));
});

afterAll(() => scoring?.close());

async function published(name: string): Promise<{ manifest: ModelManifest; golden: GoldenBatch; bytes: Uint8Array }> {
  const { manifest, golden, modelBytes } = await scoring.models.registry.resolve(name, ALIAS);
  return { manifest, golden, bytes: modelBytes };
}

const differenceMax = (found: readonly number[], wanted: readonly number[]): number =>
  Math.max(...found.map((value, index) => Math.abs(value - (wanted[index] ?? Number.NaN))));

describe.each(MODELS)("%s", (modelName) => {
  test("returns its trainer's probabilities, alone and among others", async () => {
    const { golden, manifest } = await published(modelName);
    expect(golden.inputs).toHaveLength(256);
    const all = await scoring.client.call(METHODS.modelInfer, rawRequest(golden.inputs, { modelName }));
    expect(all.modelVersion).toBe(manifest.version);
    expect(differenceMax(rawScores(all), golden.outputs)).toBeLessThanOrEqual(1e-5);
    const rows = golden.inputs.slice(0, 256).filter((_, index) => index % 32 === 0);
    const single = rows.map((row) => scoring.client.call(METHODS.modelInfer, rawRequest([row], { modelName })));
    const alone = (await Promise.all(single)).flatMap(rawScores);
    const expected = golden.outputs.filter((_, index) => index % 32 === 0);
    expect(differenceMax(alone, expected)).toBeLessThanOrEqual(1e-5);
    // The rows of the batch differ: their scores are spread.
    expect(Math.max(...golden.outputs) - Math.min(...golden.outputs)).toBeGreaterThan(0.3);
  });

  test("says what its columns are, and that it has no contributions", async () => {
    const { manifest } = await published(modelName);
    const metadata = await scoring.client.call(METHODS.modelMetadata, { name: modelName, version: "" });
    expect(metadata.properties.features).toBe(manifest.features.join(","));
    expect(metadata.inputs).toEqual([
      expect.objectContaining({ name: "features", datatype: "FP32", shape: [-1, manifest.features.length] }),
    ]);
    expect(metadata.outputs.map((output) => output.name)).toEqual(["probability"]);
  });

  test("refuses a row that lacks a column", async () => {
    const { golden, manifest } = await published(modelName);
    const row = golden.inputs.at(0)?.slice(0, -1) ?? [];
    const error = await failureOf(scoring.client.call(METHODS.modelInfer, rawRequest([row], { modelName })));
    expect(error.details).toContain(`"features"`);
    expect(error.details).toContain(String(manifest.features.length));
  });

  test("integrated gradients add up to the difference of its log odds", async () => {
    const { manifest, golden, bytes } = await published(modelName);
    const width = manifest.features.length;
    const load = { modelBytes: bytes, inputName: "features", width, outputName: "probability" };
    const { worker } = await InferenceWorker.start({
      ...load,
      providers: ["cpu"],
      requireGpu: false,
      isExplained: false,
      golden: new Float32Array(),
    });
    const marginOf = async (rows: Float32Array, rowCount: number, into: Float64Array): Promise<void> => {
      const { outputs } = await worker.run(Float32Array.from(rows.subarray(0, rowCount * width)), rowCount);
      for (const [row, score] of outputs.entries()) into[row] = Math.log(score / (1 - score));
    };
    const [first = [], last = []] = [golden.inputs.at(0), golden.inputs.at(-1)];
    const baseline = Float32Array.from(first);
    const row = Float32Array.from(last);
    const found = await integratedGradients(marginOf, row, baseline, { steps: 200, relativeStep: 0.01, gapMax: 0.05 });
    await worker.close();
    const [low = 0, high = 0] = [golden.outputs.at(0), golden.outputs.at(-1)];
    const difference = Math.log(high / (1 - high)) - Math.log(low / (1 - low));
    const sum = found.reduce((total, one) => total + one, 0);
    expect(difference).toBeGreaterThan(1);
    expect(Math.abs(sum - difference)).toBeLessThan(0.05 * difference);
  });
});
