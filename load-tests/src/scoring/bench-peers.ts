import type { BenchContext } from "../harness/bench-context.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { ratioOf } from "../harness/run-contestants.js";
import { prepareModels } from "./prepare-models.js";
import { readEventLoopDelay } from "./read-metrics.js";
import { scoringContestant } from "./scoring-contestant.js";
import { startMlserver, startPythonGrpc, startTripline } from "./start-servers.js";

const ROUNDS = 5;
const CONNECTIONS = 16;
const CALLS_EACH = 4;
/** Rows per call if the caller batches. */
const BATCH_ROWS = 256;
const BATCH_CALLS_EACH = 1;

/** One row per call, from many callers. */
export const unaryPart: BenchPart = {
  name: "unary",
  title: `one row per call, ${CONNECTIONS * CALLS_EACH} calls in flight: the scoring service compared with Python's grpcio with onnxruntime and MLServer with adaptive batching, 300 trees`,
  run: runUnary,
};

async function runUnary(context: BenchContext): Promise<PartOutcome> {
  const models = await prepareModels(context);
  const servers = {
    tripline: await startTripline(context, models, "tripline", {}),
    grpcio: await startPythonGrpc(context, models),
    mlserver: await startMlserver(context, models),
  };
  const load = { model: models.trees, rows: 1, connections: CONNECTIONS, callsEach: CALLS_EACH };
  const contestants = [
    await scoringContestant(context, {
      name: "tripline",
      server: servers.tripline,
      ...load,
      after: () => readEventLoopDelay(servers.tripline.url),
    }),
    await scoringContestant(context, { name: "grpcio", server: servers.grpcio, ...load }),
    await scoringContestant(context, { name: "mlserver", server: servers.mlserver, ...load }),
  ];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return {
    contestants: measured,
    summary: {
      unary_ratio: ratioOf(measured, "ops_per_s", "tripline", "grpcio"),
      unary_p99_ratio: ratioOf(measured, "p99_ms", "tripline", "grpcio"),
      mlserver_ratio: ratioOf(measured, "ops_per_s", "tripline", "mlserver"),
      mlserver_p99_ratio: ratioOf(measured, "p99_ms", "tripline", "mlserver"),
      unary_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "grpcio", "tripline"),
      loop_p99_ms: measured[0]?.samples.loop_p99_ms ?? [],
    },
    notes: [
      "All three servers load the same file and return the scores of its golden batch; tensors are sent as raw bytes.",
      "grpcio: one asyncio process per core on uvloop; mlserver: a worker per core, batches of up to 64 within 5 ms.",
      "The load generator is one process on the same machine; its CPU time is client_cpu_us_per_op, which cpu_us_per_op excludes.",
      "unary_cpu_ratio: CPU time per row in grpcio divided by that in tripline; more meaningful if the generator uses a whole core.",
    ],
  };
}

/** The benchmark part with many rows per call. */
export const batchedPart: BenchPart = {
  name: "batched",
  title: `${BATCH_ROWS} rows per call, ${CONNECTIONS * BATCH_CALLS_EACH} calls in flight: the scoring service compared with Python's grpcio with onnxruntime, 300 trees`,
  run: runBatched,
};

async function runBatched(context: BenchContext): Promise<PartOutcome> {
  const models = await prepareModels(context);
  const tripline = await startTripline(context, models, "tripline", {});
  const grpcio = await startPythonGrpc(context, models);
  const load = { model: models.trees, rows: BATCH_ROWS, connections: CONNECTIONS, callsEach: BATCH_CALLS_EACH };
  const contestants = [
    await scoringContestant(context, { name: "tripline", server: tripline, ...load }),
    await scoringContestant(context, { name: "grpcio", server: grpcio, ...load }),
  ];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return {
    contestants: measured,
    summary: {
      batched_ratio: ratioOf(measured, "ops_per_s", "tripline", "grpcio"),
      batched_p99_ratio: ratioOf(measured, "p99_ms", "tripline", "grpcio"),
    },
    notes: ["Both servers run the same onnxruntime; an operation is a row."],
  };
}
