import { TOPICS } from "@tripline/contracts/topics";
import type { BenchContext } from "../harness/bench-context.js";
import { versionsOf } from "../harness/package-versions.js";
import { roundMsOr } from "../harness/round-ms.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";
import type { WorkerName } from "./start-worker.js";
import { PEER_PACKAGES, requirePeers, startWorker, workerCpu } from "./start-worker.js";

const ROUNDS = 5;
const ROUND_MS = 3_000;
/** Concurrent messages, for all contestants. */
const CONCURRENCY = 64;

/** One message per send with 64 concurrent sends. We batch them; the peers use their own behaviour. */
export const producePart: BenchPart = {
  name: "produce",
  title: `one message per send, ${CONCURRENCY} in flight, acknowledged by all replicas: our producer vs. plain kafkajs and @platformatic/kafka`,
  check: requirePeers,
  run: runProduce,
};

async function runProduce(context: BenchContext): Promise<PartOutcome> {
  Object.assign(context.versions, versionsOf(PEER_PACKAGES));
  const names: WorkerName[] = ["tripline", "kafkajs", "kafkajs default", "platformatic", "platformatic default"];
  const contestants: Contestant[] = [];
  for (const name of names) contestants.push(await producing(context, name));
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return {
    contestants: measured,
    summary: {
      produce_ratio: ratioOf(measured, "ops_per_s", "tripline", "kafkajs"),
      default_ratio: ratioOf(measured, "ops_per_s", "tripline", "kafkajs default"),
      platformatic_ratio: ratioOf(measured, "ops_per_s", "tripline", "platformatic"),
      platformatic_default_ratio: ratioOf(measured, "ops_per_s", "tripline", "platformatic default"),
      platformatic_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "platformatic", "tripline"),
      produce_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "kafkajs", "tripline"),
      produce_cpu_us: samplesOf(measured, "tripline", "cpu_us_per_op"),
      produce_p99_ms: samplesOf(measured, "tripline", "p99_ms"),
    },
    notes: [
      "All: payments of about 270 bytes with four headers to six partitions of one broker, acks of all in-sync replicas (-1).",
      "tripline: packages/kafka, idempotent, at most one request in flight. kafkajs, platformatic: idempotent, for which both allow one request in flight. With the suffix default: not idempotent.",
      "Each client is a separate process; cpu_us_per_op is the CPU time of that process, without the broker.",
    ],
  };
}

async function producing(context: BenchContext, name: WorkerName): Promise<Contestant> {
  const worker = await startWorker(context, name);
  return {
    name,
    meters: [workerCpu("producer", worker)],
    run: async () => {
      const { records, p50Ms, p99Ms } = await worker.request({
        type: "produce",
        topic: TOPICS.transactions.name,
        durationMs: roundMsOr(context, ROUND_MS),
        concurrency: CONCURRENCY,
      });
      return { operations: records, figures: { p50_ms: p50Ms, p99_ms: p99Ms } };
    },
  };
}
