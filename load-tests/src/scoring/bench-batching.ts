import { availableParallelism } from "node:os";
import type { BenchContext } from "../harness/bench-context.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { ratioOf } from "../harness/run-contestants.js";
import { prepareModels } from "./prepare-models.js";
import { scoringContestant } from "./scoring-contestant.js";
import { startTripline } from "./start-servers.js";

const ROUNDS = 5;
/** Calls of one caller are this far apart at light load, which is far below a tenth of what a server does. */
const LIGHT_PAUSE_MS = 10;
const MANY = { connections: 16, callsEach: 16 };
const ONE = { connections: 1, callsEach: 1 };

/** What gathering requests brings when there are many, and what it costs when there are few. */
export const batchingPart: BenchPart = {
  name: "batching",
  title: `micro-batching, one row per call: ${MANY.connections * MANY.callsEach} callers beside one, and light load beside a server that does not batch; network 32-128-64-1`,
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
    notes: ["one: a single caller, whose next row goes when the answer to the last one is there."],
  };
}

const BATCH_ROWS = 256;

/** What a second worker brings where the model is the bottleneck. */
export const workersPart: BenchPart = {
  name: "workers",
  title: `${BATCH_ROWS} rows per call, 300 trees: as many workers as cores (${availableParallelism()}) beside one`,
  run: runWorkers,
};

async function runWorkers(context: BenchContext): Promise<PartOutcome> {
  const models = await prepareModels(context);
  const load = { model: models.trees, rows: BATCH_ROWS, connections: 8, callsEach: 1 };
  const all = await startTripline(context, models, "all workers", {});
  const one = await startTripline(context, models, "one worker", { WORKERS: "1" });
  const contestants = [
    await scoringContestant(context, { name: "all", server: all, ...load }),
    await scoringContestant(context, { name: "one", server: one, ...load }),
  ];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return { contestants: measured, summary: { workers_ratio: ratioOf(measured, "ops_per_s", "all", "one") } };
}
