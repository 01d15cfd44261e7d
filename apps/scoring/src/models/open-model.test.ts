import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import type { TestModel, TestNode, TestTree } from "@tripline/tree-shap/encode-model";
import { encodeModel } from "@tripline/tree-shap/encode-model";
import fc from "fast-check";
import { InferenceWorker } from "../inference/inference-worker.js";
import type { ExecutionProvider } from "./execution-providers.js";

const FEATURES = 5;
const MODELS = 150;
const DIFFERENCE_MAX = 1e-6;
const FIXTURES = new URL("../../../../packages/tree-shap/fixtures/", import.meta.url);

const thresholds = fc.oneof(
  fc.constantFrom(-1, -0, 0, 1e-45, 1, 2.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.float({ noNaN: true, min: -3, max: 3 }),
);
const values = fc.oneof(thresholds, fc.constantFrom(Number.NaN, 0.5, -2.5, 3.4028234663852886e38));
const { tree } = fc.letrec<{ tree: TestTree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true, maxDepth: 8 },
    fc.record({ value: fc.float({ min: -1, max: 1, noNaN: true }), cover: fc.constant(1) }),
    fc.record({
      feature: fc.integer({ min: 0, max: FEATURES - 1 }),
      mode: fc.constantFrom("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"),
      threshold: thresholds,
      missingTrue: fc.boolean(),
      whenTrue: tie("tree"),
      whenFalse: tie("tree"),
    }),
  ),
}));

/** One or two tree ensembles, with and without calibration, as the training code composes them. */
const graphs = fc
  .record({
    trees: fc.array(tree, { minLength: 1, maxLength: 30 }),
    base: fc.float({ min: -2, max: 2, noNaN: true }),
    members: fc.integer({ min: 1, max: 2 }),
    slope: fc.float({ min: Math.fround(0.1), max: 2, noNaN: true }),
    intercept: fc.float({ min: -1, max: 1, noNaN: true }),
  })
  .map(({ trees, base, members, slope, intercept }): TestModel => {
    const node = (opType: string, inputs: string[], output: string): TestNode => ({
      opType,
      inputs,
      outputs: [output],
    });
    return {
      features: FEATURES,
      trees,
      baseValues: [base],
      constants: { slope: [slope], intercept: [intercept] },
      nodesAfter: [
        node("Sum", new Array<string>(members).fill("margin"), "total"),
        node("Mul", ["total", "slope"], "scaled"),
        node("Add", ["scaled", "intercept"], "shifted"),
        node("Sigmoid", ["shifted"], "probability"),
      ],
      output: "probability",
    };
  });
const rows = fc.array(fc.array(values, { minLength: FEATURES, maxLength: FEATURES }), { minLength: 40, maxLength: 40 });

// onnxruntime does not load inside Jest's own context, so models are opened in a thread, as in the service.
const SOURCE = `
  const { workerData, parentPort } = require("node:worker_threads");
  import(workerData.module).then(async ({ openModel }) => {
    const answers = [];
    for (const { load, features, rows } of workerData.models) {
      const model = await openModel(load);
      const { outputs } = await model.run(Float32Array.from(features), rows);
      answers.push({ providers: model.providers, unavailable: model.unavailable, outputs });
      await model.release();
    }
    parentPort.postMessage(answers);
  });`;

interface Opened {
  readonly providers: readonly ExecutionProvider[];
  readonly unavailable: readonly { provider: string; reason: string }[];
  readonly outputs: Float32Array;
}

interface Question {
  readonly modelBytes: Uint8Array;
  readonly providers: readonly ExecutionProvider[];
  readonly features: readonly number[];
  readonly width: number;
}

async function open(questions: readonly Question[]): Promise<Opened[]> {
  const models = questions.map(({ modelBytes, providers, features, width }) => ({
    load: {
      modelBytes,
      inputName: "features",
      width,
      outputName: "probability",
      providers,
      requireGpu: false,
      golden: new Float32Array(),
    },
    features,
    rows: features.length / width,
  }));
  const module = new URL("./open-model.js", import.meta.url).href;
  const worker = new Worker(SOURCE, { eval: true, workerData: { module, models } });
  try {
    return await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  } finally {
    await worker.terminate();
  }
}

function differenceMax(one: Float32Array, other: Float32Array): number {
  expect(one).toHaveLength(other.length);
  return Math.max(...one.map((value, index) => Math.abs(value - (other[index] ?? Number.NaN))));
}

test("scores random trees as onnxruntime does, including thresholds and missing values", async () => {
  const samples = fc.sample(fc.tuple(graphs, rows), { numRuns: MODELS, seed: 1 });
  const questions = samples.map(([model, features]) => ({
    modelBytes: encodeModel(model),
    features: features.flat(),
    width: FEATURES,
  }));
  const own = await open(questions.map((one) => ({ ...one, providers: ["trees"] as const })));
  const wanted = await open(questions.map((one) => ({ ...one, providers: ["cpu"] as const })));
  expect(own.flatMap(({ providers }) => providers)).toEqual(new Array(MODELS).fill("trees"));
  const differences = own.map(({ outputs }, index) =>
    differenceMax(outputs, wanted[index]?.outputs ?? outputs.slice(1)),
  );
  expect(Math.max(...differences)).toBeLessThanOrEqual(DIFFERENCE_MAX);
});

test("recognizes the output of XGBoost's converter as trees", async () => {
  const bytes = gunzipSync(readFileSync(new URL("rows.gz", FIXTURES)));
  const features = [...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))];
  const modelBytes = gunzipSync(readFileSync(new URL("xgboost-binary.onnx.gz", FIXTURES)));
  const question = { modelBytes, features, width: 10 };
  const [own, wanted] = await open([
    { ...question, providers: ["trees", "cpu"] },
    { ...question, providers: ["cpu"] },
  ]);
  expect(own?.providers).toEqual(["trees"]);
  expect(differenceMax(own?.outputs ?? new Float32Array(), wanted?.outputs ?? new Float32Array(1))).toBeLessThanOrEqual(
    DIFFERENCE_MAX,
  );
});

describe("a model that does not consist only of trees", () => {
  const leaf = { value: 1, cover: 1 };
  const modelBytes = encodeModel({
    features: FEATURES,
    trees: [leaf],
    nodesAfter: [{ opType: "Tanh", inputs: ["margin"], outputs: ["probability"] }],
    output: "probability",
  });
  const question = { modelBytes, features: [1, 2, 3, 4, 5], width: FEATURES };

  test("runs on the next provider, and reports why", async () => {
    const [opened] = await open([{ ...question, providers: ["trees", "cpu"] }]);
    expect(opened).toMatchObject({
      providers: ["cpu"],
      unavailable: [{ provider: "trees", reason: "it has a Tanh, which is not supported" }],
    });
    expect(opened?.outputs[0]).toBeCloseTo(Math.tanh(1), 6);
  });

  test("is rejected if no other provider is allowed", async () => {
    const load = {
      modelBytes,
      inputName: "features",
      width: FEATURES,
      outputName: "probability",
      isExplained: false,
      providers: ["trees" as const],
      requireGpu: false,
      golden: new Float32Array(),
    };
    await expect(InferenceWorker.start(load)).rejects.toMatchObject({
      code: "config-invalid",
      message:
        'EXECUTION_PROVIDERS cannot be satisfied: the "trees" provider cannot run this model: it has a Tanh, which is not supported.',
    });
  });
});
