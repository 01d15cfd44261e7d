import { TOPICS } from "@tripline/contracts/topics";
import type { BenchContext } from "../harness/bench-context.js";
import { roundMsOr } from "../harness/round-ms.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";
import type { WorkerName } from "./start-worker.js";
import { requirePeers, startWorker, workerCpu } from "./start-worker.js";

const ROUNDS = 5;
const ROUND_MS = 3_000;
/**
 * Records per millisecond of a round's requested length. A round of 3 s has 80 MB, because the peers fetch ahead before
 * a round begins (@platformatic/kafka up to 50 MB).
 */
const RECORDS_PER_ROUND_MS = 70;

const NAMES = ["tripline", "kafkajs", "platformatic"] as const;
const TOPIC = TOPICS.appliedLabels.name;

/** Reads a backlog from its beginning. */
export const consumePart: BenchPart = {
  name: "consume",
  title:
    "a backlog of payments in six partitions, read from its beginning: our consumer vs. plain kafkajs and @platformatic/kafka",
  check: requirePeers,
  run: runConsume,
};

async function runConsume(context: BenchContext): Promise<PartOutcome> {
  const records = roundMsOr(context, ROUND_MS) * RECORDS_PER_ROUND_MS;
  const filler = await startWorker(context, "tripline");
  await filler.request({ type: "fill", topic: TOPIC, records });
  const contestants: Contestant[] = [];
  for (const name of NAMES) contestants.push(await consuming(context, name, records));
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return {
    contestants: measured,
    summary: {
      consume_ratio: ratioOf(measured, "ops_per_s", "tripline", "kafkajs"),
      consume_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "kafkajs", "tripline"),
      platformatic_consume_ratio: ratioOf(measured, "ops_per_s", "tripline", "platformatic"),
      platformatic_consume_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "platformatic", "tripline"),
      consume_cpu_us: samplesOf(measured, "tripline", "cpu_us_per_op"),
    },
    notes: [
      `${records} records; a new group in each round, which has joined and received its first records before the round begins.`,
      "tripline: batches through packages/kafka. kafkajs: eachMessage. platformatic: a stream of messages.",
    ],
  };
}

async function consuming(context: BenchContext, name: WorkerName, records: number): Promise<Contestant> {
  const worker = await startWorker(context, name);
  let groups = 0;
  return {
    name,
    meters: [workerCpu("consumer", worker)],
    prepare: async () => {
      await worker.request({ type: "leave" });
      groups += 1;
      await worker.request({ type: "join", topic: TOPIC, group: `consume-${name}-${groups}` });
    },
    run: async () => {
      await worker.request({ type: "drain", records });
      return { operations: records };
    },
  };
}
