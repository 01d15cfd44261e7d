import { cp } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { GoldenBatch, ModelManifest } from "@tripline/model-registry/model-manifest";
import type { TestScoring } from "../testing/service.js";
import { failureOf, METHODS, rawRequest, rawScores, startTestScoring } from "../testing/service.js";

/** Small networks, as published by `train_torch` and `train_keras`. */
const NETWORKS = fileURLToPath(new URL("../../test-models/networks/generated", import.meta.url));
const MODELS = ["fraud-torch", "fraud-keras"];
const ALIAS = "candidate";

let scoring: TestScoring;

beforeAll(async () => {
  const references = MODELS.map((name) => `${name}@${ALIAS}`).join(",");
  scoring = await startTestScoring({ MODELS: references }, (models) => cp(NETWORKS, models.root, { recursive: true }));
});

afterAll(() => scoring?.close());

async function published(name: string): Promise<{ manifest: ModelManifest; golden: GoldenBatch }> {
  const { manifest, golden } = await scoring.models.registry.resolve(name, ALIAS);
  return { manifest, golden };
}

const differenceMax = (found: readonly number[], wanted: readonly number[]): number =>
  Math.max(...found.map((value, index) => Math.abs(value - (wanted[index] ?? Number.NaN))));

describe.each(MODELS)("%s", (modelName) => {
  test("returns its trainer's probabilities, alone and in a batch", async () => {
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
    // The batch's rows differ, so their scores vary.
    expect(Math.max(...golden.outputs) - Math.min(...golden.outputs)).toBeGreaterThan(0.3);
  });

  test("reports its features, and that it has no contributions", async () => {
    const { manifest } = await published(modelName);
    const metadata = await scoring.client.call(METHODS.modelMetadata, { name: modelName, version: "" });
    expect(metadata.properties.features).toBe(manifest.features.join(","));
    expect(metadata.inputs).toEqual([
      expect.objectContaining({ name: "features", datatype: "FP32", shape: [-1, manifest.features.length] }),
    ]);
    expect(metadata.outputs.map((output) => output.name)).toEqual(["probability"]);
  });

  test("rejects a row with a missing feature", async () => {
    const { golden, manifest } = await published(modelName);
    const row = golden.inputs.at(0)?.slice(0, -1) ?? [];
    const error = await failureOf(scoring.client.call(METHODS.modelInfer, rawRequest([row], { modelName })));
    expect(error.details).toContain(`"features"`);
    expect(error.details).toContain(String(manifest.features.length));
  });
});
