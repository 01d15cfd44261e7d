import type { TestModel, TestNode, TestTree } from "@tripline/tree-shap/encode-model";
import { encodeModel } from "@tripline/tree-shap/encode-model";
import fc from "fast-check";
import { ScorerError } from "./scorer-error.js";
import { planScorer, TreeScorer } from "./tree-scorer.js";

const FEATURES = 5;
const NAMES = { input: "features", output: "margin" };
const MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"];
const LARGEST = 3.4028234663852886e38;
const SMALLEST = 1e-45;

/** The tree semantics of ONNX, node by node: https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md. */
function leafOf(tree: TestTree, row: readonly number[]): number {
  if ("cover" in tree) return tree.value;
  const value = Math.fround(row[tree.feature] ?? Number.NaN);
  const threshold = Math.fround(tree.threshold);
  const isTrue = {
    BRANCH_LEQ: value <= threshold,
    BRANCH_LT: value < threshold,
    BRANCH_GTE: value >= threshold,
    BRANCH_GT: value > threshold,
  }[tree.mode];
  return leafOf(isTrue || (Number.isNaN(value) && tree.missingTrue) ? tree.whenTrue : tree.whenFalse, row);
}

function marginOf({ trees, baseValues }: TestModel, row: readonly number[]): number {
  let sum = 0;
  for (const tree of trees) sum = Math.fround(sum + Math.fround(leafOf(tree, row)));
  return Math.fround(sum + Math.fround(baseValues?.[0] ?? 0));
}

function score(model: TestModel, rows: readonly (readonly number[])[], names = NAMES): number[] {
  const scorer = new TreeScorer(planScorer(encodeModel(model), names).plan);
  const into = new Float32Array(rows.length).fill(Number.NaN);
  scorer.score(Float32Array.from(rows.flat()), rows.length, into);
  return [...into];
}

/** Few thresholds, so that rows often equal one of them; including both zeros, infinities and the smallest numbers. */
const thresholds = fc.oneof(
  fc.constantFrom(-1, -0, 0, SMALLEST, -SMALLEST, 1, 2.5, LARGEST, -LARGEST),
  fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.float({ noNaN: true, min: -3, max: 3 }),
);
const values = fc.oneof(thresholds, fc.constantFrom(Number.NaN, 0.5, -2.5));
const { tree } = fc.letrec<{ tree: TestTree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true, maxDepth: 8 },
    fc.record({ value: fc.float({ min: -2, max: 2, noNaN: true }), cover: fc.constant(1) }),
    fc.record({
      feature: fc.integer({ min: 0, max: FEATURES - 1 }),
      mode: fc.constantFrom(...MODES),
      threshold: thresholds,
      missingTrue: fc.boolean(),
      whenTrue: tie("tree"),
      whenFalse: tie("tree"),
    }),
  ),
}));
const rowsOfValues = fc.array(fc.array(values, { minLength: FEATURES, maxLength: FEATURES }), {
  minLength: 1,
  maxLength: 40,
});

test("returns what the operator's definition specifies, to the last bit", () => {
  const models = fc.record({
    features: fc.constant(FEATURES),
    trees: fc.array(tree, { minLength: 1, maxLength: 20 }),
    baseValues: fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { maxLength: 1 }),
  });
  fc.assert(
    fc.property(models, rowsOfValues, (model, rows) => {
      expect(score(model, rows)).toEqual(rows.map((row) => marginOf(model, row)));
    }),
    { numRuns: 300 },
  );
});

/** Trees with random thresholds: too many per feature for one byte. */
function completeTree(depth: number, random: () => number): TestTree {
  if (depth === 0) return { value: Math.fround(random() - 0.5), cover: 1 };
  return {
    feature: Math.floor(random() * FEATURES),
    mode: MODES[Math.floor(random() * MODES.length)] ?? "",
    threshold: Math.fround(random() * random() * 100),
    missingTrue: random() < 0.5,
    whenTrue: completeTree(depth - 1, random),
    whenFalse: completeTree(depth - 1, random),
  };
}

/** Seeded numbers from 0 to 1: https://en.wikipedia.org/wiki/Linear_congruential_generator, constants of minstd_rand. */
function newRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

test("accepts many thresholds of a feature, trees of any depth, and rows of several chunks", () => {
  const random = newRandom();
  const trees = Array.from({ length: 60 }, (_, index) => completeTree(index < 40 ? 6 : index % 9, random));
  const model = { features: FEATURES, trees, baseValues: [-1.5] };
  const rows = Array.from({ length: 700 }, () =>
    Array.from({ length: FEATURES }, () => (random() < 0.1 ? Number.NaN : Math.fround(random() * random() * 110 - 5))),
  );
  expect(score(model, rows)).toEqual(rows.map((row) => marginOf(model, row)));
});

test.each([255, 256, 511])("packs %d thresholds of one feature into as few blocks as possible", (count) => {
  const stump = (threshold: number): TestTree => ({
    feature: 0,
    mode: "BRANCH_LT",
    threshold,
    missingTrue: true,
    whenTrue: { value: 1, cover: 1 },
    whenFalse: { value: 0, cover: 1 },
  });
  const trees = Array.from({ length: count }, (_, index) => stump(index * 2));
  const rows = [Number.NaN, ...Array.from({ length: count * 2 + 3 }, (_, index) => index - 1)].map((value) => [value]);
  const model = { features: 1, trees };
  expect(score(model, rows)).toEqual(rows.map((row) => marginOf(model, row)));
});

describe("TreeScorer", () => {
  const trees = [completeTree(3, newRandom())];
  const rows = [
    [1, 2, 3, 4, 5],
    [50, 1, 0, 80, 2],
  ];
  const sigmoid = (value: number): number => Math.fround(1 / (1 + Math.exp(-value)));
  const after = (opType: string, inputs: string[], output: string): TestNode => ({ opType, inputs, outputs: [output] });

  test("applies a sigmoid after the trees", () => {
    const model = { features: FEATURES, trees, nodesAfter: [after("Sigmoid", ["margin"], "probability")] };
    expect(score(model, rows, { ...NAMES, output: "probability" })).toEqual(
      rows.map((row) => sigmoid(marginOf(model, row))),
    );
  });

  test("adds margins after the trees", () => {
    const nodesAfter = [after("Sum", ["margin", "margin"], "total"), after("Identity", ["total"], "same")];
    const model = { features: FEATURES, trees, nodesAfter };
    expect(score(model, rows, { ...NAMES, output: "same" })).toEqual(rows.map((row) => 2 * marginOf(model, row)));
  });

  test.each([
    ["another operator", { nodesAfter: [after("Exp", ["margin"], "out")] }, "out", /it has a Exp/],
    ["a tree that is too deep", { trees: [completeTree(9, newRandom())] }, "margin", /9 levels/],
    ["a post transform", { attributes: { post_transform: { string: "LOGISTIC" } } }, "margin", /post_transform/],
    ["a mean of trees", { attributes: { aggregate_function: { string: "AVERAGE" } } }, "margin", /AVERAGE/],
    ["another input", { nodesBefore: [after("Neg", ["features"], "turned")], treesRead: "turned" }, "margin", /Neg/],
    ["an output that does not exist", {}, "nothing", /"nothing"/],
  ] satisfies [string, Partial<TestModel>, string, RegExp][])("rejects %s", (_, changes, output, reason) => {
    const bytes = encodeModel({ features: FEATURES, trees, ...changes });
    expect(() => planScorer(bytes, { ...NAMES, output })).toThrow(ScorerError);
    expect(() => planScorer(bytes, { ...NAMES, output })).toThrow(reason);
  });
});

describe("categories", () => {
  /** Columns 1 and 4 are categories, so the parts of the input have these sizes. */
  const sizes = [1, 1, 2, 1];
  const vocabularies: Readonly<Record<number, readonly [keys: readonly number[], codes: readonly number[]]>> = {
    1: [
      [0, 7, 12_000_001],
      [-1, 2, 1],
    ],
    4: [
      [0, 3],
      [-1, 1],
    ],
  };
  const encoder = (column: number, part: string): TestNode => {
    const [keys = [], codes = []] = vocabularies[column] ?? [];
    const attributes = { keys_floats: { floats: keys }, values_floats: { floats: codes } };
    return { opType: "LabelEncoder", domain: "ai.onnx.ml", inputs: [part], outputs: [`${part}_code`], attributes };
  };
  const split = {
    ...{ opType: "Split", inputs: ["features", "sizes"], outputs: ["a", "b", "c", "d"] },
    attributes: { axis: { int: 1 } },
  };
  const joined = {
    ...{ opType: "Concat", inputs: ["a", "b_code", "c", "d_code"], outputs: ["encoded"] },
    attributes: { axis: { int: 1 } },
  };
  const nodesBefore = [split, encoder(1, "b"), encoder(4, "d"), joined];
  const random = newRandom();
  const trees = Array.from({ length: 10 }, () => completeTree(4, random));
  const model = { features: FEATURES, trees, nodesBefore, shapes: { sizes }, treesRead: "encoded" };

  test("are replaced by the numbers of the model's vocabulary, unknown values by 0", () => {
    const small = trees.map((tree) => scaled(tree, 0.04));
    const rows = [0, 7, 12_000_001, 12_000_000, 8, -0, Number.NaN].flatMap((first) =>
      [0, 3, 4].map((second) => [1, first, 2, 3, second].map((value, at) => (at % 3 === 1 ? value : value * 10))),
    );
    const encoded = rows.map((row) =>
      row.map((value, at) => {
        const [keys, codes] = vocabularies[at] ?? [];
        return keys === undefined ? value : (codes?.[keys.indexOf(value)] ?? 0);
      }),
    );
    const wanted = encoded.map((row) => marginOf({ features: FEATURES, trees: small }, row));
    expect(new Set(wanted).size).toBeGreaterThan(5);
    expect(score({ ...model, trees: small }, rows)).toEqual(wanted);
  });

  test("are contained in the rows that reveal a wrong comparison", () => {
    const { edgeRows } = planScorer(encodeModel(model), NAMES);
    const found = new Set(edgeRows(200).filter((_, at) => at % FEATURES === 1));
    for (const key of vocabularies[1]?.[0] ?? []) expect(found).toContain(key);
  });

  test.each([
    [
      "parts in another order",
      { nodesBefore: [split, encoder(1, "b"), encoder(4, "d"), { ...joined, inputs: ["b_code", "a", "c", "d_code"] }] },
    ],
    [
      "a part that is read otherwise",
      { nodesBefore: [...nodesBefore, { opType: "Neg", inputs: ["a"], outputs: ["n"] }] },
    ],
    ["a vocabulary of several columns", { shapes: { sizes: [1, 2, 1, 1] } }],
    ["trees that read the input itself", { treesRead: "features" }],
  ] satisfies [string, Partial<TestModel>][])("are rejected with %s", (_, changes) => {
    expect(() => planScorer(encodeModel({ ...model, ...changes }), NAMES)).toThrow(ScorerError);
  });
});

/** The same tree with smaller thresholds. */
function scaled(tree: TestTree, factor: number): TestTree {
  if ("cover" in tree) return tree;
  const [whenTrue, whenFalse] = [scaled(tree.whenTrue, factor), scaled(tree.whenFalse, factor)];
  return { ...tree, threshold: Math.fround(tree.threshold * factor), whenTrue, whenFalse };
}

test("rejects rows that are too short", () => {
  const bytes = encodeModel({ features: FEATURES, trees: [completeTree(2, newRandom())] });
  const scorer = new TreeScorer(planScorer(bytes, NAMES).plan);
  expect(() => scorer.score(new Float32Array(9), 2, new Float32Array(2))).toThrow(RangeError);
});
