import type { TestTree } from "../encode-model.js";
import { encodeModel } from "../encode-model.js";
import { TreeExplainer } from "../tree-explainer.js";

/**
 * `node dist/testing/bench-explain.js`: measures CPU time per row in microseconds, which other programs on the machine
 * affect less than wall-clock time. Complete trees with random splits are the worst case for their depth.
 */
const FEATURES = 32;
const ROWS = 1_000;
const MODELS = [
  { trees: 300, depth: 6 },
  { trees: 200, depth: 4 },
];
const BATCHES = [1, 16, 256];
const REPETITIONS = 10;
const ROWS_PER_REPETITION = 256;

/** Seeded numbers from 0 to 1: https://en.wikipedia.org/wiki/Linear_congruential_generator, constants of C++'s minstd_rand. */
function newRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function completeTree(depth: number, cover: number, random: () => number): TestTree {
  if (depth === 0) return { value: random() - 0.5, cover };
  const share = Math.max(1, Math.round(cover * (0.2 + 0.6 * random())));
  return {
    feature: Math.floor(random() * FEATURES),
    mode: "BRANCH_LT",
    threshold: Math.fround(random()),
    missingTrue: random() < 0.5,
    whenTrue: completeTree(depth - 1, share, random),
    whenFalse: completeTree(depth - 1, Math.max(1, cover - share), random),
  };
}

function usPerRow(explainer: TreeExplainer, rows: Float32Array, batch: number): number {
  const into = new Float32Array(batch * FEATURES);
  let best = Number.POSITIVE_INFINITY;
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
    const startedUs = process.cpuUsage().user;
    let done = 0;
    for (; done < ROWS_PER_REPETITION; done += batch) {
      const first = (done + repetition * batch) % (ROWS - batch + 1);
      explainer.explain(rows.subarray(first * FEATURES, (first + batch) * FEATURES), batch, into);
    }
    best = Math.min(best, (process.cpuUsage().user - startedUs) / done);
  }
  return best;
}

for (const { trees, depth } of MODELS) {
  const random = newRandom();
  const bytes = encodeModel({
    features: FEATURES,
    trees: Array.from({ length: trees }, () => completeTree(depth, 1 << 20, random)),
  });
  const startedUs = process.cpuUsage().user;
  const explainer = TreeExplainer.fromOnnx(bytes);
  const loadMs = (process.cpuUsage().user - startedUs) / 1_000;
  const rows = Float32Array.from({ length: ROWS * FEATURES }, random);
  const figures = BATCHES.map((batch) => `row_us_b${batch}=${usPerRow(explainer, rows, batch).toFixed(1)}`);
  process.stdout.write(`tree-shap: trees=${trees} depth=${depth} load_ms=${loadMs.toFixed(0)} ${figures.join(" ")}\n`);
}
