import { availableParallelism } from "node:os";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { ModelSession } from "@tripline/scoring/models/model-session";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";
import { prepareModels } from "./prepare-models.js";
import { ROUND_MS, scoringContestant } from "./scoring-contestant.js";
import { startTripline } from "./start-servers.js";

const ROUNDS = 5;
/** Pause between the calls of one caller at light load, far below a tenth of a server's capacity. */
const LIGHT_PAUSE_MS = 10;
const MANY = { connections: 16, callsEach: 16 };
const ONE = { connections: 1, callsEach: 1 };

/** Measures what batching gains with many requests, and what it costs with few. */
export const batchingPart: BenchPart = {
  name: "batching",
  title: `micro-batching, one row per call: ${MANY.connections * MANY.callsEach} callers compared with one, and light load compared with a server that does not batch; network 32-128-64-1`,
  run: runBatching,
};

async function runBatching(context: BenchContext): Promise<PartOutcome> {
  const models = await prepareModels(context);
  const settings = { WORKERS: "1" };
  const batching = await startTripline(context, models, "batching", settings);
  const plain = await startTripline(context, models, "one by one", { ...settings, ROWS_PER_RUN_MAX: "1" });
  const load = { model: models.network, rows: 1 };
  const contestants = [
    await scoringContestant(context, { name: "many", server: batching, ...load, ...MANY }),
    await scoringContestant(context, { name: "one", server: batching, ...load, ...ONE }),
    await scoringContestant(context, { name: "light", server: batching, ...load, ...ONE, pauseMs: LIGHT_PAUSE_MS }),
    await scoringContestant(context, {
      name: "light, not batched",
      server: plain,
      ...load,
      ...ONE,
      pauseMs: LIGHT_PAUSE_MS,
    }),
  ];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return {
    contestants: measured,
    summary: {
      batching_ratio: ratioOf(measured, "ops_per_s", "many", "one"),
      light_p50_ratio: ratioOf(measured, "p50_ms", "light", "light, not batched"),
    },
    notes: ["one: a single caller, which sends its next row after the previous response."],
  };
}

/** Enough rows that a run takes milliseconds, so that the cost of passing it to a thread is negligible. */
const RUN_ROWS = 8_192;

/** Measures the gain from a second worker if the model is the bottleneck. */
export const workersPart: BenchPart = {
  name: "workers",
  title: `runs of ${RUN_ROWS} rows in one process, 300 trees: as many workers as cores (${availableParallelism()}) compared with one`,
  run: runWorkers,
};

/** Runs without the network and a load generator, which would need its own core. */
async function runWorkers(context: BenchContext): Promise<PartOutcome> {
  const models = await prepareModels(context);
  const version = await openRegistry(models.registryUrl).resolve("trees", "champion");
  const contestantOf = async (name: string, workers: number): Promise<Contestant> => {
    const providers = ["trees", "cpu"] as const;
    const session = await ModelSession.open(version, { workers, providers, requireGpu: false, isExplained: false });
    context.defer(() => session.close());
    const rows = Float32Array.from({ length: RUN_ROWS * models.trees.width }, Math.random);
    const keepBusy = async (endMs: number): Promise<number> => {
      let runs = 0;
      for (; performance.now() < endMs; runs += 1) await session.run(rows.slice(), RUN_ROWS);
      return runs;
    };
    return {
      name,
      meters: [ownCpu()],
      run: async () => {
        const endMs = performance.now() + ROUND_MS;
        const runs = await Promise.all(Array.from({ length: workers }, () => keepBusy(endMs)));
        return { operations: runs.reduce((sum, one) => sum + one, 0) * RUN_ROWS, figures: {} };
      },
    };
  };
  const contestants = [await contestantOf("all", availableParallelism()), await contestantOf("one", 1)];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return {
    contestants: measured,
    summary: { workers_ratio: ratioOf(measured, "ops_per_s", "all", "one") },
    notes: [
      "cpu_us_per_op of both shows whether the threads have separate cores: threads that share a core slow each other down.",
    ],
  };
}
