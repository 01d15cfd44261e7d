import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import type { ModelInferResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { tensorContents } from "@tripline/contracts/inference/tensor-contents";
import { InferenceWorker } from "../inference/inference-worker.js";
import type { TestScoring } from "../testing/service.js";
import { failureOf, METHODS, rawRequest, startTestScoring, tensorOf } from "../testing/service.js";

const FIXTURES = new URL("../../../../packages/tree-shap/fixtures/", import.meta.url);
const FEATURES = 10;
const ROWS = 64;
/** Largest allowed difference from XGBoost's own contributions, in log odds. */
const DIFFERENCE_MAX = 1e-4;

let scoring: TestScoring;
let rows: number[][];
/** XGBoost's own `pred_contribs` for these rows, without the mean. */
let expected: number[][];

function floats(name: string, width: number): number[][] {
  const bytes = gunzipSync(readFileSync(new URL(`${name}.gz`, FIXTURES)));
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return Array.from({ length: values.length / width }, (_, row) => [
    ...values.subarray(row * width, (row + 1) * width),
  ]);
}

/** onnxruntime's output for the rows, from a separate thread, because it does not accept arrays from Jest's realm. */
async function scoresOf(modelBytes: Uint8Array): Promise<number[]> {
  const { worker } = await InferenceWorker.start({
    modelBytes,
    inputName: "features",
    width: FEATURES,
    outputName: "probability",
    providers: ["cpu"],
    requireGpu: false,
    golden: new Float32Array(),
    isExplained: false,
  });
  const { outputs } = await worker.run(Float32Array.from(rows.flat()), ROWS);
  await worker.close();
  return [...outputs];
}

/**
 * XGBoost's model of the package that explains it. Rows with missing values are omitted, because scoring rejects them.
 */
async function publishExplained({ registry }: TestScoring["models"]): Promise<void> {
  const contributions = floats("xgboost-binary.contributions", FEATURES + 1);
  const whole = floats("rows", FEATURES).flatMap((row, index) =>
    row.every(Number.isFinite) ? [{ row, contributions: contributions[index]?.slice(0, FEATURES) ?? [] }] : [],
  );
  rows = whole.slice(0, ROWS).map((one) => one.row);
  expected = whole.slice(0, ROWS).map((one) => one.contributions);
  const modelBytes = gunzipSync(readFileSync(new URL("xgboost-binary.onnx.gz", FIXTURES)));
  const outputs = await scoresOf(modelBytes);
  const { manifest } = await registry.resolve("fraud", "champion");
  const { name: _name, version: _version, files: _files, ...rest } = manifest;
  const { version } = await registry.publish({
    name: "explained",
    modelBytes,
    golden: { inputs: rows, outputs },
    manifest: {
      ...rest,
      features: Array.from({ length: FEATURES }, (_, index) => `feature_${index}`),
      input: { name: "features", datatype: "FP32", shape: [-1, FEATURES] },
    },
  });
  await registry.setAlias("explained", "champion", version);
}

beforeAll(async () => {
  scoring = await startTestScoring({ MODELS: "fraud,explained", ROWS_PER_RUN_MAX: "1024" }, publishExplained);
});

afterAll(() => scoring?.close());

const asking = (...names: string[]) => names.map((name) => ({ name, parameters: {} }));

function infer(outputs: string[], part = rows): Promise<ModelInferResponse> {
  return scoring.client.call(
    METHODS.modelInfer,
    rawRequest(part, { modelName: "explained", outputs: asking(...outputs) }),
  );
}

function valuesOf(response: ModelInferResponse, name: string): number[] {
  const index = response.outputs.findIndex((output) => output.name === name);
  const raw = response.rawOutputContents[index];
  if (raw === undefined) throw new Error(`the answer holds no ${name}`);
  return Array.from({ length: raw.length / 4 }, (_, at) => raw.readFloatLE(at * 4));
}

function differenceMax(found: readonly number[], wanted: readonly number[]): number {
  expect(found).toHaveLength(wanted.length);
  return Math.max(...found.map((value, index) => Math.abs(value - (wanted[index] ?? Number.NaN))));
}

test("returns XGBoost's own contributions and unchanged scores, in the requested order", async () => {
  const plain = await infer([]);
  expect(plain.outputs.map((output) => output.name)).toEqual(["probability"]);
  for (const names of [["probability", "contributions"], ["contributions", "probability"], ["contributions"]]) {
    const response = await infer(names);
    expect(response.outputs.map((output) => output.name)).toEqual(names);
    expect(response.outputs.find((output) => output.name === "contributions")?.shape).toEqual([ROWS, FEATURES]);
    expect(differenceMax(valuesOf(response, "contributions"), expected.flat())).toBeLessThan(DIFFERENCE_MAX);
    if (names.length > 1) expect(valuesOf(response, "probability")).toEqual(valuesOf(plain, "probability"));
  }
});

test("concurrent requests with and without contributions each get the right response", async () => {
  const answers = await Promise.all(
    rows.map((row, index) => infer(index % 3 === 0 ? ["contributions"] : ["probability"], [row])),
  );
  const scores = valuesOf(await infer([]), "probability");
  for (const [index, answer] of answers.entries()) {
    if (index % 3 === 0) {
      expect(differenceMax(valuesOf(answer, "contributions"), expected[index] ?? [])).toBeLessThan(DIFFERENCE_MAX);
    } else expect(valuesOf(answer, "probability")).toEqual([scores[index]]);
  }
});

test("rejects more rows than it can explain in one run, even if it could score them", async () => {
  const many = Array.from({ length: 513 }, (_, index) => rows[index % ROWS] ?? []);
  const error = await failureOf(infer(["contributions"], many));
  expect(error.details).toBe('Input "features" has 513 rows; a request can have at most 512.');
  expect(valuesOf(await infer([], many), "probability")).toHaveLength(513);
});

test("answers typed contents with typed contents", async () => {
  const [row = []] = rows;
  const request = rawRequest([row], {
    modelName: "explained",
    inputs: [tensorOf([row], { contents: tensorContents(row) })],
    outputs: asking("contributions"),
    rawInputContents: [],
  });
  const { outputs } = await scoring.client.call(METHODS.modelInfer, request);
  expect(differenceMax(outputs[0]?.contents?.fp32Contents ?? [], expected[0] ?? [])).toBeLessThan(DIFFERENCE_MAX);
});

test("metadata and configuration list the contributions output if the model has one", async () => {
  const outputsOf = async (name: string) =>
    (await scoring.client.call(METHODS.modelMetadata, { name, version: "" })).outputs;
  expect(await outputsOf("explained")).toEqual([
    { name: "probability", datatype: "FP32", shape: [-1, 1] },
    { name: "contributions", datatype: "FP32", shape: [-1, FEATURES] },
  ]);
  expect(await outputsOf("fraud")).toEqual([{ name: "probability", datatype: "FP32", shape: [-1, 1] }]);
  const { config } = await scoring.client.call(METHODS.modelConfig, { name: "explained", version: "" });
  expect(config?.output.map(({ name, dims }) => ({ name, dims }))).toEqual([
    { name: "probability", dims: [1] },
    { name: "contributions", dims: [FEATURES] },
  ]);
});

test("rejects a request for contributions if the model has none, and says why", async () => {
  const call = scoring.client.call(
    METHODS.modelInfer,
    rawRequest([[1, 2, 3, 4]], { outputs: asking("contributions") }),
  );
  const error = await failureOf(call);
  expect(error.code).toBe(status.INVALID_ARGUMENT);
  expect(error.details).toMatch(
    /^There is no output "contributions", because this model cannot be explained: The TreeEnsembleRegressor has no nodes_hitrates/,
  );
  expect((await failureOf(infer(["contributions", "contributions"]))).details).toBe(
    'Output "contributions" is requested twice. Request it once.',
  );
});
