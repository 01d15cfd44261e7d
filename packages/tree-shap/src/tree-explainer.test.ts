import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import type { TestModel, TestTree } from "./encode-model.js";
import { encodeModel } from "./encode-model.js";
import { ShapError } from "./shap-error.js";
import { shapleyByDefinition, treeValue } from "./testing/shapley.js";
import type { TreeExplainerOptions } from "./tree-explainer.js";
import { TreeExplainer } from "./tree-explainer.js";

/** Maximum difference from the libraries' own contributions, in log odds. */
const DIFFERENCE_MAX = 1e-4;
const NO_TABLES = { tableBytesMax: 0 };

function fixture(name: string): Uint8Array {
  return gunzipSync(readFileSync(new URL(`../fixtures/${name}.gz`, import.meta.url)));
}

function floats(name: string): Float32Array {
  const bytes = fixture(name);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function explain(explainer: TreeExplainer, rows: readonly (readonly number[])[]): number[][] {
  const into = new Float32Array(rows.length * explainer.features).fill(Number.NaN);
  explainer.explain(Float32Array.from(rows.flat()), rows.length, into);
  return rows.map((_, row) => [...into.subarray(row * explainer.features, (row + 1) * explainer.features)]);
}

function differenceMax(found: Iterable<number>, wanted: ArrayLike<number>): number {
  let largest = 0;
  let index = 0;
  for (const value of found) {
    const difference = Math.abs(value - (wanted[index] ?? Number.NaN));
    // A NaN must be detected, and no comparison with it is true.
    if (!(difference <= largest)) largest = difference;
    index += 1;
  }
  return index === wanted.length ? largest : Number.NaN;
}

describe("contributions equal those of the library that trained the model", () => {
  test.each([
    ["xgboost-binary", 1_000, {}],
    ["xgboost-binary", 1_000, NO_TABLES],
    ["lightgbm-binary", 1_000, {}],
    ["lightgbm-binary", 1_000, NO_TABLES],
    ["xgboost-regressor", 100, {}],
    ["xgboost-classes", 100, { output: 0 }],
    ["xgboost-classes", 100, { output: 1 }],
    ["xgboost-classes", 100, { output: 2 }],
  ] as const)("is exact for %s with %d rows and %j", (name, rowCount, options: TreeExplainerOptions) => {
    const explainer = TreeExplainer.fromOnnx(fixture(`${name}.onnx`), { input: "features", ...options });
    const { features } = explainer;
    const rows = floats("rows").subarray(0, rowCount * features);
    const wanted = floats(`${name}.contributions`);
    const into = new Float32Array(rowCount * features);
    explainer.explain(rows, rowCount, into);
    const outputs = wanted.length / rowCount / (features + 1);
    let largest = 0;
    for (let row = 0; row < rowCount; row += 1) {
      const start = (row * outputs + (options.output ?? 0)) * (features + 1);
      const found = [...into.subarray(row * features, (row + 1) * features), explainer.expectedValue];
      largest = Math.max(largest, differenceMax(found, wanted.subarray(start, start + features + 1)));
    }
    expect(features).toBe(10);
    expect(largest).toBeLessThanOrEqual(DIFFERENCE_MAX);
  });
});

describe("matches Shapley's definition for", () => {
  const FEATURES = 5;
  const MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"];
  // Few values, so that rows often equal a threshold; including both zeros, infinities and the smallest numbers.
  const thresholds = fc.constantFrom(-1, -0, 0, 1e-45, 1, 2.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
  const values = fc.oneof(thresholds, fc.constantFrom(Number.NaN, 0.5, -2.5, -1e-45, 3.4028234663852886e38));
  const { tree } = fc.letrec<{ tree: TestTree }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true, maxDepth: 6 },
      fc.record({ value: fc.double({ min: -2, max: 2, noNaN: true }), cover: fc.integer({ min: 1, max: 100 }) }),
      {
        weight: 4,
        arbitrary: fc.record({
          feature: fc.nat(FEATURES - 1),
          mode: fc.constantFrom(...MODES),
          threshold: thresholds,
          missingTrue: fc.boolean(),
          whenTrue: tie("tree"),
          whenFalse: tie("tree"),
        }),
      },
    ),
  }));
  const cases = fc.record({
    trees: fc.array(tree, { minLength: 1, maxLength: 3 }),
    rows: fc.array(fc.array(values, { minLength: FEATURES, maxLength: FEATURES }), { minLength: 1, maxLength: 4 }),
    base: fc.double({ min: -3, max: 3, noNaN: true }).map(Math.fround),
    isPacked: fc.boolean(),
  });

  test.each([{}, NO_TABLES])("small random trees with the options %j", (options) => {
    fc.assert(
      fc.property(cases, ({ trees, rows, base, isPacked }) => {
        const bytes = encodeModel({ features: FEATURES, trees, baseValues: [base], isPacked });
        const explainer = TreeExplainer.fromOnnx(bytes, options);
        const nothing = new Set<number>();
        const everything = new Set(Array.from({ length: FEATURES }, (_, feature) => feature));
        for (const [index, found] of explain(explainer, rows).entries()) {
          const row = rows[index] ?? [];
          expect(differenceMax(found, shapleyByDefinition(trees, row))).toBeLessThan(1e-5);
          const margin = trees.reduce((sum, one) => sum + treeValue(one, row, everything), base);
          expect(found.reduce((sum, one) => sum + one, explainer.expectedValue)).toBeCloseTo(margin, 5);
          const mean = trees.reduce((sum, one) => sum + treeValue(one, row, nothing), base);
          expect(explainer.expectedValue).toBeCloseTo(mean, 6);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("a path with more features than a table holds", () => {
    const features = 12;
    let deep: TestTree = { value: 5, cover: 3 };
    for (let feature = 0; feature < features; feature += 1) {
      const leaf = { value: feature / 4, cover: 2 + feature };
      deep = { feature, mode: "BRANCH_LT", threshold: 0, missingTrue: false, whenTrue: deep, whenFalse: leaf };
    }
    const explainer = TreeExplainer.fromOnnx(encodeModel({ features, trees: [deep] }));
    const rows = [new Array(features).fill(-1), Array.from({ length: features }, (_, feature) => (feature % 3) - 1)];
    for (const [index, found] of explain(explainer, rows).entries()) {
      expect(differenceMax(found, shapleyByDefinition([deep], rows[index] ?? []))).toBeLessThan(1e-5);
    }
  });

  test("a split with no training data on one side", () => {
    const stump = (feature: number, whenTrue: TestTree, whenFalse: TestTree): TestTree => ({
      feature,
      mode: "BRANCH_LT",
      threshold: 0,
      missingTrue: false,
      whenTrue,
      whenFalse,
    });
    const tree = stump(0, stump(1, { value: 1, cover: 0 }, { value: 2, cover: 4 }), { value: 3, cover: 4 });
    for (const options of [{}, NO_TABLES]) {
      const explainer = TreeExplainer.fromOnnx(encodeModel({ features: 2, trees: [tree] }), options);
      const [found] = explain(explainer, [[-1, -1]]);
      expect(differenceMax(found ?? [], shapleyByDefinition([tree], [-1, -1]))).toBeLessThan(1e-6);
    }
  });
});

test("explains many rows together exactly as it explains each one alone", () => {
  const explainer = TreeExplainer.fromOnnx(fixture("xgboost-binary.onnx"));
  const { features } = explainer;
  const rows = floats("rows").subarray(0, 150 * features);
  const together = new Float32Array(150 * features);
  explainer.explain(rows, 150, together);
  const alone = new Float32Array(150 * features);
  for (let row = 0; row < 150; row += 1) {
    const [start, end] = [row * features, (row + 1) * features];
    explainer.explain(rows.subarray(start, end), 1, alone.subarray(start, end));
  }
  expect(alone).toEqual(together);
});

describe("reading a model", () => {
  const LEAVES: TestTree = {
    feature: 1,
    mode: "BRANCH_LT",
    threshold: 0.5,
    missingTrue: true,
    whenTrue: { value: -1, cover: 3 },
    whenFalse: { value: 2, cover: 1 },
  };
  const model: TestModel = { features: 2, trees: [LEAVES] };
  const ROW = [[0, 0]];

  test("uses the margin of the second class in a two-class model", () => {
    const bytes = encodeModel({ ...model, opType: "TreeEnsembleClassifier", baseValues: [0.5] });
    const explainer = TreeExplainer.fromOnnx(bytes);
    expect(explainer.expectedValue).toBeCloseTo(0.25, 6);
    expect(explain(explainer, ROW)).toEqual([[0, -0.75]]);
  });

  test("averages trees", () => {
    const trees = [LEAVES, { value: 7, cover: 4 }];
    const bytes = encodeModel({ ...model, trees, attributes: { aggregate_function: { string: "AVERAGE" } } });
    const explainer = TreeExplainer.fromOnnx(bytes);
    expect(explainer.expectedValue).toBeCloseTo((-0.25 + 7) / 2, 6);
    expect(explain(explainer, ROW)).toEqual([[0, -0.375]]);
  });

  test("accepts nodes that pass the input on unchanged, and nodes after the trees", () => {
    const bytes = encodeModel({
      ...model,
      nodesBefore: [
        { opType: "Identity", inputs: ["features"], outputs: ["same"] },
        { opType: "Cast", inputs: ["same"], outputs: ["cast"], attributes: { to: { int: 1 } } },
      ],
      treesRead: "cast",
      nodesAfter: [{ opType: "Sigmoid", inputs: ["margin"], outputs: ["probability"] }],
    });
    expect(explain(TreeExplainer.fromOnnx(bytes), ROW)).toEqual([[0, -0.75]]);
  });

  test("explains categories by the numbers of the model's vocabulary", () => {
    const vocabulary = { keys_floats: { floats: [0, 7_995] }, values_floats: { floats: [-1, 1] } };
    const encoder = { opType: "LabelEncoder", domain: "ai.onnx.ml", inputs: ["b"], outputs: ["code"] };
    const axis = { attributes: { axis: { int: 1 } } };
    const bytes = encodeModel({
      ...model,
      nodesBefore: [
        { opType: "Split", inputs: ["features", "sizes"], outputs: ["a", "b"], ...axis },
        { ...encoder, attributes: vocabulary },
        { opType: "Concat", inputs: ["a", "code"], outputs: ["encoded"], ...axis },
      ],
      shapes: { sizes: [1, 1] },
      treesRead: "encoded",
    });
    const plain = TreeExplainer.fromOnnx(encodeModel(model));
    const known = [
      [1, 7_995],
      [1, 0],
      [1, 5_732],
    ];
    const rows = Float32Array.from(known.flat());
    const wanted = explain(plain, [
      [1, 1],
      [1, -1],
      [1, 0],
    ]);
    expect(new Set(wanted.map(String)).size).toBeGreaterThan(1);
    expect(explain(TreeExplainer.fromOnnx(bytes), known)).toEqual(wanted);
    expect([...rows]).toEqual(known.flat());
  });

  const withAttribute = (name: string, value: object | undefined): TestModel =>
    ({ ...model, attributes: { [name]: value } }) as TestModel;
  test.each<[string, string, Uint8Array | TestModel, TreeExplainerOptions, RegExp]>([
    ["bytes that are not protobuf", "malformed-model", new Uint8Array([255, 255, 255]), {}, /are not an ONNX model/],
    ["an empty file", "malformed-model", new Uint8Array(), {}, /contain no ONNX graph/],
    ["a truncated file", "malformed-model", encodeModel(model).subarray(0, 100), {}, /are not an ONNX model/],
    ["no covers", "no-covers", withAttribute("nodes_hitrates", undefined), {}, /has no nodes_hitrates/],
    ["covers of 1", "no-covers", withAttribute("nodes_hitrates", { floats: [1, 1, 1] }), {}, /node 0 of tree 0 has 1/],
    [
      "covers of NaN",
      "no-covers",
      withAttribute("nodes_hitrates", { floats: [NaN, 1, 1] }),
      {},
      /are not sample counts/,
    ],
    ["another input", "unsupported-model", model, { input: "rows" }, /named features, not rows/],
    ["an unknown output", "invalid-request", model, { output: 1 }, /has 1 outputs.*not 1/],
    [
      "several outputs without a choice",
      "invalid-request",
      { ...model, attributes: { n_targets: { int: 3 } } },
      {},
      /has 3 outputs: set output to the index of one/,
    ],
    ["a double input", "unsupported-model", { ...model, elementType: 11 }, {}, /must be float32/],
    ["a dynamic width", "unsupported-model", { ...model, inputShape: [undefined, undefined] }, {}, /fixed number/],
    ["another operator", "unsupported-model", { ...model, opType: "TreeEnsemble" }, {}, /is read by TreeEnsemble/],
    [
      "a second reader of the trees' input",
      "unsupported-model",
      { ...model, nodesAfter: [{ opType: "MatMul", inputs: ["features", "w"], outputs: ["linear"] }] },
      {},
      /read by TreeEnsembleRegressor, MatMul/,
    ],
    [
      "scaled input",
      "unsupported-model",
      { ...model, nodesBefore: [{ opType: "Mul", inputs: ["features"], outputs: ["x"] }], treesRead: "x" },
      {},
      /is read by Mul/,
    ],
    [
      "categorical splits",
      "unsupported-model",
      withAttribute("nodes_modes", { strings: ["BRANCH_EQ", "LEAF", "LEAF"] }),
      {},
      /BRANCH_EQ/,
    ],
    [
      "a maximum instead of a sum of trees",
      "unsupported-model",
      withAttribute("aggregate_function", { string: "MAX" }),
      {},
      /aggregated by MAX/,
    ],
    [
      "an unknown feature",
      "malformed-model",
      { ...model, features: 1 },
      {},
      /compares feature 1, but the input has 1 features/,
    ],
    [
      "a cycle",
      "malformed-model",
      withAttribute("nodes_truenodeids", { ints: [0, 0, 0] }),
      {},
      /2 nodes cannot be reached/,
    ],
    [
      "two roots",
      "malformed-model",
      withAttribute("nodes_modes", { strings: ["LEAF", "LEAF", "LEAF"] }),
      {},
      /a tree has two roots/,
    ],
    [
      "an unknown child",
      "malformed-model",
      withAttribute("nodes_truenodeids", { ints: [9, 0, 0] }),
      {},
      /has an unknown child 9/,
    ],
    [
      "a duplicate child",
      "malformed-model",
      withAttribute("nodes_truenodeids", { ints: [2, 0, 0] }),
      {},
      /or is twice the child of one parent/,
    ],
    ["a duplicate node", "malformed-model", withAttribute("nodes_nodeids", { ints: [0, 1, 1] }), {}, /two nodes 1/],
    [
      "too few values",
      "malformed-model",
      withAttribute("nodes_values", { floats: [1] }),
      {},
      /it has 3 nodes but 1 values/,
    ],
    [
      "a NaN threshold",
      "malformed-model",
      withAttribute("nodes_values", { floats: [NaN, 0, 0] }),
      {},
      /is not a number/,
    ],
    [
      "a weight on a split",
      "malformed-model",
      withAttribute("target_nodeids", { ints: [0, 1] }),
      {},
      /which is not a leaf/,
    ],
    ["too few weights", "malformed-model", withAttribute("target_weights", { floats: [1] }), {}, /different lengths/],
    ["no trees", "malformed-model", { ...model, trees: [] }, {}, /it has 0 nodes/],
  ])("rejects %s: %s", (_, code, given, options, message) => {
    const bytes = given instanceof Uint8Array ? given : encodeModel(given);
    const attempt = (): unknown => TreeExplainer.fromOnnx(bytes, options);
    expect(attempt).toThrow(ShapError);
    expect(attempt).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  test("rejects a path of too many features", () => {
    let deep: TestTree = { value: 1, cover: 1 };
    for (let feature = 0; feature < 32; feature += 1) {
      deep = {
        feature,
        mode: "BRANCH_LT",
        threshold: 0,
        missingTrue: false,
        whenTrue: deep,
        whenFalse: { value: 0, cover: 1 },
      };
    }
    const bytes = encodeModel({ features: 32, trees: [deep] });
    expect(() => TreeExplainer.fromOnnx(bytes)).toThrow(expect.objectContaining({ code: "unsupported-model" }));
  });

  test.each([
    [1.5, 4, 4],
    [-1, 4, 4],
    [3, 4, 6],
    [3, 6, 4],
  ])("rejects %d rows in arrays of %d and %d", (rowCount, given, into) => {
    const explainer = TreeExplainer.fromOnnx(encodeModel(model));
    const attempt = (): void => explainer.explain(new Float32Array(given), rowCount, new Float32Array(into));
    expect(attempt).toThrow(expect.objectContaining({ code: "invalid-request" }));
  });
});
