import { TOPICS } from "@tripline/contracts/topics";
import type { BenchContext } from "../harness/bench-context.js";
import { roundMsOr } from "../harness/round-ms.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";
import { requirePeers, startWorker, workerCpu } from "./start-worker.js";

const ROUNDS = 5;
const ROUND_MS = 3_000;
const CONCURRENCY = 64;

/** Each contestant has its own topics, so that no consumer reads another producer's records. */
const TOPIC_OF = {
  tripline: TOPICS.features.name,
  kafkajs: TOPICS.labels.name,
  platformatic: TOPICS.decisions.name,
} as const;

/** Producer and consumer at the same time, to measure the cost of a message, with Kafka's share shown separately. */
export const flowPart: BenchPart = {
  name: "flow",
  title: `produced with ${CONCURRENCY} in flight and consumed at the same time: our client vs. plain kafkajs and @platformatic/kafka`,
  check: requirePeers,
  run: runFlow,
};

async function runFlow(context: BenchContext): Promise<PartOutcome> {
  const contestants: Contestant[] = [];
  for (const name of ["tripline", "kafkajs", "platformatic"] as const) contestants.push(await flowing(context, name));
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: 1 });
  return {
    contestants: measured,
    summary: {
      cpu_us_per_message: samplesOf(measured, "tripline", "cpu_us_per_op"),
      flow_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "kafkajs", "tripline"),
      platformatic_flow_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "platformatic", "tripline"),
    },
    notes: [
      "Producer and consumer are separate processes; a round ends once all records acknowledged in it were handled.",
      "tripline handles batches and commits them; kafkajs uses eachMessage and commits every 5 s, its default; platformatic reads a stream and also commits every 5 s.",
    ],
  };
}

async function flowing(context: BenchContext, name: keyof typeof TOPIC_OF): Promise<Contestant> {
  const [producer, consumer] = [await startWorker(context, name), await startWorker(context, name)];
  const topic = TOPIC_OF[name];
  await producer.request({ type: "fill", topic, records: 1 });
  await consumer.request({ type: "join", topic, group: `flow-${name}` });
  await consumer.request({ type: "drain", records: 1 });
  return {
    name,
    meters: [workerCpu("producer", producer), workerCpu("consumer", consumer)],
    run: async () => {
      const { records, p50Ms, p99Ms } = await producer.request({
        type: "produce",
        topic,
        durationMs: roundMsOr(context, ROUND_MS),
        concurrency: CONCURRENCY,
      });
      await consumer.request({ type: "drain", records });
      return { operations: records, figures: { p50_ms: p50Ms, p99_ms: p99Ms } };
    },
  };
}
