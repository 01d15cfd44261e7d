import { encodeModel } from "@tripline/tree-shap/encode-model";
import { proveScorer } from "./prove-scorer.js";
import { ScorerError } from "./scorer-error.js";
import { planScorer } from "./tree-scorer.js";

const THRESHOLD = 0.1;
const [LOW, HIGH] = [-1, 1];
const split = {
  feature: 0,
  mode: "BRANCH_LEQ",
  threshold: THRESHOLD,
  missingTrue: false,
  whenTrue: { value: LOW, cover: 1 },
  whenFalse: { value: HIGH, cover: 1 },
};
const planned = planScorer(encodeModel({ features: 1, trees: [split] }), { input: "features", output: "margin" });

/** A runtime with its own comparison; NaN goes right. */
const runtime = (isLeft: (value: number) => boolean) => async (features: Float32Array) =>
  Array.from(features, (value) => (isLeft(value) ? LOW : HIGH));

test("a scorer is proved by equal scores for rows with its thresholds, adjacent floats and extremes", async () => {
  const asked: number[] = [];
  const right = runtime((value) => value <= Math.fround(THRESHOLD));
  await proveScorer(planned, Float32Array.of(7), (features) => {
    asked.push(...features);
    return right(features);
  });
  const key = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0] ?? 0;
  const [own] = [key(THRESHOLD)];
  expect(new Set(asked.map(key))).toEqual(
    new Set([own - 1, own, own + 1, key(Number.NaN), key(-Infinity), key(Infinity), key(0), key(-0), key(7)]),
  );
});

test.each<[string, (value: number) => boolean]>([
  ["an equal value", (value) => value < Math.fround(THRESHOLD)],
  ["a threshold in double precision", (value) => value <= THRESHOLD],
  ["a missing value", (value) => !(value > Math.fround(THRESHOLD))],
])("a scorer is disproved if another runtime decides %s differently", async (_case, isLeft) => {
  await expect(proveScorer(planned, new Float32Array(), runtime(isLeft))).rejects.toThrow(ScorerError);
});

test("a scorer is disproved if the runtime returns too few or too many scores", async () => {
  for (const change of [(scores: number[]) => scores.slice(1), (scores: number[]) => [...scores, 0]]) {
    const right = runtime((value) => value <= Math.fround(THRESHOLD));
    const proof = proveScorer(planned, new Float32Array(), async (features) => change(await right(features)));
    await expect(proof).rejects.toThrow(ScorerError);
  }
});
