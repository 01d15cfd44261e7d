import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import type { ModelInferRequest } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { tensorContents } from "@tripline/contracts/inference/tensor-contents";
import type { GoldenBatch } from "@tripline/model-registry/model-manifest";
import { readConfig } from "@tripline/settings/read-config";
import { scoringConfig } from "./config.js";
import { startScoring } from "./start-scoring.js";
import type { TestRegistry, TestScoring } from "./testing/service.js";
import {
  copyRegistry,
  failureOf,
  METHODS,
  rawRequest,
  rawScores,
  startTestScoring,
  tensorOf,
  testEnvironment,
} from "./testing/service.js";

let scoring: TestScoring;
let version: string;
let golden: GoldenBatch;

beforeAll(async () => {
  scoring = await startTestScoring({ ROWS_PER_RUN_MAX: "64" });
  ({ version, golden } = await scoring.models.registry.resolve("fraud", "champion"));
});

afterAll(() => scoring.close());

const ROW = [1, 2, 3, 4];

function expectClose(scores: readonly number[], expected: readonly number[]): void {
  expect(scores).toHaveLength(expected.length);
  const apart = scores.map((score, row) => Math.abs(score - (expected[row] ?? Number.NaN)));
  expect(Math.max(...apart)).toBeLessThan(1e-5);
}

describe("the Open Inference Protocol", () => {
  test("answers ServerLive, ServerReady and ServerMetadata", async () => {
    const { client } = scoring;
    expect(await client.call(METHODS.serverLive, {})).toEqual({ live: true });
    expect(await client.call(METHODS.serverReady, {})).toEqual({ ready: true });
    expect(await client.call(METHODS.serverMetadata, {})).toEqual({
      name: "tripline-scoring",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      extensions: expect.arrayContaining(["model_repository", "statistics"]),
    });
  });

  test("answers ModelReady with and without the version", async () => {
    for (const asked of ["", version]) {
      expect(await scoring.client.call(METHODS.modelReady, { name: "fraud", version: asked })).toEqual({ ready: true });
    }
  });

  test("lists inputs, outputs and the platform in ModelMetadata", async () => {
    expect(await scoring.client.call(METHODS.modelMetadata, { name: "fraud", version: "" })).toEqual({
      name: "fraud",
      versions: [version],
      platform: "onnxruntime_onnx",
      inputs: [{ name: "features", datatype: "FP32", shape: [-1, 4] }],
      outputs: [{ name: "probability", datatype: "FP32", shape: [-1, 1] }],
      properties: {
        feature_spec_version: "1",
        features: "amount,card_count_1d,card_ratio_to_mean_30d,terminal_fraud_rate_7d",
        execution_providers: "trees",
      },
    });
  });

  test("a ModelInfer call with raw bytes gets raw bytes", async () => {
    const request = rawRequest(golden.inputs, { id: "request 1", modelVersion: version });
    const response = await scoring.client.call(METHODS.modelInfer, request);
    expect(response).toMatchObject({ modelName: "fraud", modelVersion: version, id: "request 1" });
    expect(response.outputs).toEqual([
      { name: "probability", datatype: "FP32", shape: [32, 1], parameters: {}, contents: undefined },
    ]);
    expectClose(rawScores(response), golden.outputs);
  });

  test("a ModelInfer call with typed contents gets typed contents", async () => {
    const request = rawRequest(golden.inputs, {
      inputs: [tensorOf(golden.inputs, { contents: tensorContents(golden.inputs.flat()) })],
      outputs: [{ name: "probability", parameters: {} }],
      rawInputContents: [],
    });
    const response = await scoring.client.call(METHODS.modelInfer, request);
    expect(response.rawOutputContents).toEqual([]);
    expectClose(response.outputs[0]?.contents?.fp32Contents ?? [], golden.outputs);
  });

  test("gives a row the same score, bit for bit, alone and in a batch", async () => {
    const together = await scoring.client.score(golden.inputs);
    const alone = await Promise.all(golden.inputs.map((row) => scoring.client.score([row])));
    expect(alone.flatMap((answer) => answer.scores)).toEqual(together.scores);
  });
});

const wide = Array.from({ length: 65 }, () => ROW);
const raw = (values: number[]): Buffer[] => [Buffer.from(Float32Array.from(values).buffer)];

describe("rejects bad input and names the tensor", () => {
  test.each<[string, Partial<ModelInferRequest>, string]>([
    ["no input", { inputs: [] }, 'Input "features" is missing.'],
    [
      "an unknown input",
      { inputs: [tensorOf([ROW], { name: "x" })] },
      'There is no input "x"; the model takes "features".',
    ],
    [
      "a duplicate input",
      { inputs: [tensorOf([ROW]), tensorOf([ROW])] },
      'Input "features" occurs 2 times. Send it once.',
    ],
    [
      "an unknown output",
      { outputs: [{ name: "y", parameters: {} }] },
      'There is no output "y"; the model has "probability".',
    ],
    [
      "another data type",
      { inputs: [tensorOf([ROW], { datatype: "FP64" })] },
      'Input "features" has datatype "FP64"; it must be FP32.',
    ],
    [
      "a flat shape",
      { inputs: [tensorOf([ROW], { shape: [4] })] },
      'Input "features" has shape [4]; it must be [rows,4]',
    ],
    ["no shape", { inputs: [tensorOf([ROW], { shape: [] })] }, 'Input "features" has shape []'],
    ["a shape too wide", { inputs: [tensorOf([ROW], { shape: [1, 5] })] }, 'Input "features" has shape [1,5]'],
    ["a shape too deep", { inputs: [tensorOf([ROW], { shape: [1, 4, 1] })] }, 'Input "features" has shape [1,4,1]'],
    [
      "no rows",
      { inputs: [tensorOf([ROW], { shape: [0, 4] })], rawInputContents: [Buffer.alloc(0)] },
      "at least one row",
    ],
    ["a dynamic dimension", { inputs: [tensorOf([ROW], { shape: [-1, 4] })] }, 'Input "features" has shape [-1,4]'],
    ["too many rows", rawRequest(wide), 'Input "features" has 65 rows; a request can have at most 64.'],
    [
      "too few bytes",
      { rawInputContents: [Buffer.alloc(12)] },
      'Input "features" has 12 raw bytes, but its shape requires 16 (4 FP32 values).',
    ],
    ["too many bytes", { rawInputContents: [Buffer.alloc(20)] }, 'Input "features" has 20 raw bytes'],
    [
      "an extra raw entry",
      { rawInputContents: [...raw(ROW), ...raw(ROW)] },
      'raw_input_contents has 2 entries, but must have exactly one, for input "features".',
    ],
    ["no values", { rawInputContents: [] }, 'Input "features" has no values'],
    [
      "both kinds of values",
      { inputs: [tensorOf([ROW], { contents: tensorContents(ROW) })] },
      'Input "features" has contents, although',
    ],
    [
      "too few values",
      { inputs: [tensorOf([ROW], { contents: tensorContents([1]) })], rawInputContents: [] },
      'Input "features" has 1 values, but its shape requires 4.',
    ],
    [
      "values of another type",
      { inputs: [tensorOf([ROW], { contents: { ...tensorContents([]), fp64Contents: ROW } })], rawInputContents: [] },
      "must be in fp32_contents",
    ],
    [
      "NaN",
      { rawInputContents: raw([1, 2, Number.NaN, 4]) },
      'Input "features" has the value NaN in row 0, column 2 (card_ratio_to_mean_30d)',
    ],
    [
      "infinity",
      rawRequest([ROW, [1, Number.POSITIVE_INFINITY, 1, 1]]),
      'Input "features" has the value Infinity in row 1, column 1 (card_count_1d)',
    ],
  ])("%s", async (_case, changes, sentence) => {
    const error = await failureOf(scoring.client.call(METHODS.modelInfer, rawRequest([ROW], changes)));
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).toContain(sentence);
    expect(error.metadata.get("tripline-code")).toEqual(["invalid-tensor"]);
  });

  test.each([
    [{ name: "other", version: "" }, 'There is no model "other" here; "fraud" is served.'],
    [{ name: "", version: "" }, 'There is no model "" here; "fraud" is served.'],
    [{ name: "fraud", version: "000000000000" }, 'Version "000000000000" of model fraud is not served here'],
  ])("unknown model %j", async (asked, sentence) => {
    const { client } = scoring;
    const request = rawRequest([ROW], { modelName: asked.name, modelVersion: asked.version });
    // ModelReady answers false, as in Triton.
    expect(await client.call(METHODS.modelReady, asked)).toEqual({ ready: false });
    const errors = await Promise.all([
      failureOf(client.call(METHODS.modelInfer, request)),
      failureOf(client.call(METHODS.modelMetadata, asked)),
      failureOf(client.call(METHODS.modelConfig, asked)),
    ]);
    for (const error of errors) {
      expect(error.code).toBe(status.NOT_FOUND);
      expect(error.details).toContain(sentence);
      expect(error.metadata.get("tripline-code")).toEqual(["model-not-found"]);
    }
  });

  test("and the service keeps running", async () => {
    expectClose((await scoring.client.score(golden.inputs)).scores, golden.outputs);
  });
});

test("batches concurrent requests up to the limit, and each gets its own response", async () => {
  const rows = golden.inputs;
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => scoring.client.score([rows[index % rows.length] ?? ROW])),
  );
  expectClose(
    answers.flatMap((answer) => answer.scores),
    answers.map((_, index) => golden.outputs[index % rows.length] ?? Number.NaN),
  );
});

test("a caller whose deadline passes gets DEADLINE_EXCEEDED", async () => {
  const error = await failureOf(scoring.client.score([ROW], { deadlineMs: 0 }));
  expect(error.code).toBe(status.DEADLINE_EXCEEDED);
});

test("returns an error instead of a NaN score", async () => {
  const other = await startTestScoring({ MODELS: "fraud@sometimes-nan" });
  const error = await failureOf(other.client.score([ROW, [1, 1, -1, 1]]));
  expect(error.code).toBe(status.INTERNAL);
  expect(error.details).toMatch(/^Model fraud [0-9a-f]{12} returned NaN for row 1\.$/);
  expect((await other.client.score([[1, 1, 1, 1]])).scores).toEqual([0.5]);
  await other.close();
});

describe("does not start", () => {
  let models: TestRegistry;

  beforeEach(async () => {
    models = await copyRegistry();
  });

  afterEach(() => models.remove());

  const damage = async (file: string): Promise<void> => {
    const { directory } = await models.registry.resolve("fraud", "champion");
    await truncate(join(directory, file), 100);
  };

  test.each<[string, Record<string, string>, string, RegExp]>([
    [
      "without a model",
      { MODELS: "other@champion" },
      "model-not-found",
      /^There is no model other\. Models are fraud\.$/,
    ],
    [
      "without the alias",
      { MODELS: "fraud@shadow" },
      "model-not-found",
      /has no alias "shadow". Aliases are always-nan, /,
    ],
    ["with a model that returns NaN", { MODELS: "fraud@always-nan" }, "model-refused", /returns NaN/],
    ["with a model that has different tensors", { MODELS: "fraud@wrong-input" }, "model-refused", /"float_input"/],
    ["with a model that returns different scores", { MODELS: "fraud@wrong-golden" }, "model-refused", /golden batch/],
    ["with an unknown registry type", { REGISTRY_URL: "ftp://bucket" }, "config-invalid", /ftp:\/\/ is not supported/],
    [
      "without the required GPU",
      { EXECUTION_PROVIDERS: "cuda,cpu", REQUIRE_GPU: "true" },
      "config-invalid",
      /^EXECUTION_PROVIDERS cannot be satisfied: cuda is unavailable/,
    ],
  ])("%s", async (_case, changes, code, sentence) => {
    const config = readConfig(scoringConfig, testEnvironment(models.url, changes));
    await expect(startScoring(config)).rejects.toMatchObject({ code, message: expect.stringMatching(sentence) });
  });

  test.each([
    ["model.onnx", "model.onnx differs from the published file"],
    ["golden.json", "golden.json differs from the published file"],
    ["model.json", "model.json is not valid JSON"],
  ])("with a damaged %s", async (file, sentence) => {
    await damage(file);
    const config = readConfig(scoringConfig, testEnvironment(models.url));
    await expect(startScoring(config)).rejects.toMatchObject({
      code: "model-refused",
      message: expect.stringContaining(sentence),
    });
  });
});

test("reports health over HTTP", async () => {
  const ready = await fetch(`${scoring.service.url}/health/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ status: "ready", checks: { model: "ok" } });
  expect((await fetch(`${scoring.service.url}/health/live`)).status).toBe(200);
});

test("a full queue rejects requests with RESOURCE_EXHAUSTED, and waiting requests are answered", async () => {
  const small = await startTestScoring({ ROWS_PER_RUN_MAX: "32", ROWS_QUEUED_MAX: "32" });
  const calls = Array.from({ length: 40 }, () => small.client.score(golden.inputs));
  const outcomes = await Promise.allSettled(calls);
  const refused = outcomes.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(40);
  for (const error of refused) {
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(error.metadata.get("tripline-code")).toEqual(["queue-full"]);
  }
  await small.close();
});

test("does not respond after shutdown, and can be closed twice", async () => {
  const ending = await startTestScoring();
  await ending.client.score([ROW]);
  await Promise.all([ending.service.close(), ending.service.close()]);
  const error = await failureOf(ending.client.score([ROW], { deadlineMs: 5_000 }));
  expect(error.code).toBe(status.UNAVAILABLE);
  await ending.close();
});
