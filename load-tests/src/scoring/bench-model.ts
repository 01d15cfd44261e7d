import { openRegistry } from "@tripline/model-registry/open-registry";
import { ModelSession } from "@tripline/scoring/models/model-session";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { samplesOf } from "../harness/run-contestants.js";
import { percentile } from "../harness/spread.js";
import { prepareModels } from "./prepare-models.js";

const ROUNDS = 5;
const ROUND_MS = 1_000;
const BATCH_ROWS = 256;
const EXPLAINED_ROWS = 16;
const US_PER_MS = 1_000;

/** The model alone, on an inference thread, without any protocol. */
export const modelPart: BenchPart = {
  name: "model",
  title: `300 trees on one inference thread: a run of one row, a row in a run of ${BATCH_ROWS} rows, and contributions`,
  run: runModel,
};

async function runModel(context: BenchContext): Promise<PartOutcome> {
  const models = await prepareModels(context);
  const version = await openRegistry(models.registryUrl).resolve("trees", "champion");
  const session = await ModelSession.open(version, {
    workers: 1,
    providers: ["trees", "cpu"],
    requireGpu: false,
    isExplained: true,
  });
  context.defer(() => session.close());
  const contestant = (name: string, rows: number, isExplained = false): Contestant => ({
    name,
    meters: [ownCpu()],
    run: async () => {
      const timesMs: number[] = [];
      const endMs = performance.now() + ROUND_MS;
      while (performance.now() < endMs) {
        const features = Float32Array.from({ length: rows * models.trees.width }, Math.random);
        const { durationMs, explanationMs = 0 } = await session.run(features, rows, isExplained);
        timesMs.push(isExplained ? explanationMs : durationMs);
      }
      const rowUs = (percentile(timesMs, 0.5) * US_PER_MS) / rows;
      return { operations: timesMs.length * rows, figures: { row_us: rowUs } };
    },
  });
  const contestants = [
    contestant("1 row", 1),
    contestant(`${BATCH_ROWS} rows`, BATCH_ROWS),
    contestant("contributions", EXPLAINED_ROWS, true),
  ];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return {
    contestants: measured,
    summary: {
      contrib_us: samplesOf(measured, "contributions", "row_us"),
      b1_us: samplesOf(measured, "1 row", "row_us"),
      row_us_b256: samplesOf(measured, `${BATCH_ROWS} rows`, "row_us"),
    },
    notes: [
      "row_us: median time inside the model per row; every run has different random rows.",
      `contributions: the time of exact TreeSHAP alone, in runs of ${EXPLAINED_ROWS} rows.`,
    ],
  };
}
