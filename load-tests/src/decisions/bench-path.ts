import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { BatchDecider } from "@tripline/decisions/deciding/batch-decider";
import { InferenceClient } from "@tripline/decisions/scoring/inference-client";
import { batchDecider } from "@tripline/decisions/testing/decider";
import type { EventProducer, IncomingRecord } from "@tripline/kafka/port";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { Redis } from "ioredis";
import type { World } from "../e2e/world/prepare-world.js";
import { prepareWorld } from "../e2e/world/prepare-world.js";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { ownCpu, processTreeCpu, redisCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { samplesOf } from "../harness/run-contestants.js";
import { startHttpServer } from "../harness/start-http-server.js";
import { profiling } from "../harness/start-server.js";
import type { VectorPayment } from "./read-vectors.js";
import { readVectors } from "./read-vectors.js";

const ROUNDS = 5;
const BATCH = 50;
const BATCHES = 100;
const SHORT_BATCHES = 5;
const VECTORS = 2_000;
const SHORT_VECTORS = 100;
const READY_MS_MAX = 120_000;
const WAIT_MS_MAX = 5_000;

/**
 * The decisions service without Kafka: parses batches of vectors, scores them in a real scoring service, and decides.
 */
export const pathPart: BenchPart = {
  name: "path",
  title: `${BATCH} payments per batch through the whole path: parse, read, score over gRPC, decide, store in Redis, reply`,
  run: runPath,
};

async function runPath(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const payments = await readVectors(world, isShort ? SHORT_VECTORS : VECTORS);
  const [port = 0] = await findFreePorts(1);
  const scoring = await startScoring(context, world, port);
  const { client: redis } = await context.redis();
  const progress = { published: 0 };
  const decider = await deciderOn(context, redis, `127.0.0.1:${port}`, progress);
  let round = 0;
  const batches = isShort ? SHORT_BATCHES : BATCHES;
  let records: IncomingRecord[][] = [];
  const tripline: Contestant = {
    name: "tripline",
    meters: [ownCpu(), redisCpu(redis), processTreeCpu("scoring", scoring.pid)],
    async prepare() {
      round += 1;
      records = Array.from({ length: batches }, (_, batch) => recordsOf(payments, `${round}-${batch}`, batch * BATCH));
      progress.published = 0;
    },
    async run() {
      for (const batch of records) {
        await decider.handle([{ topic: TOPICS.features.name, partition: 0, records: batch }]);
      }
      if (progress.published !== batches * BATCH)
        throw new BenchError(`${progress.published} decisions were published.`);
      return { operations: batches * BATCH };
    },
  };
  const measured = await context.measure([tripline], { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: 3 });
  return {
    contestants: measured,
    summary: {
      cpu_us_per_decision: samplesOf(measured, "tripline", "node_cpu_us_per_op"),
      redis_us_per_decision: samplesOf(measured, "tripline", "redis_cpu_us_per_op"),
      scoring_us_per_decision: samplesOf(measured, "tripline", "scoring_cpu_us_per_op"),
    },
    notes: [
      "The policy is the shipped one; the model was trained on the history of the same cards; explanations are included.",
    ],
  };
}

function startScoring(context: BenchContext, world: World, grpcPort: number) {
  return startHttpServer(context, {
    name: "scoring",
    command: process.execPath,
    args: [...profiling(context), join(context.root, "apps", "scoring", "dist", "main.js")],
    readyPath: "/health/ready",
    readyMs: READY_MS_MAX,
    environment: (port) => ({
      PORT: String(port),
      GRPC_PORT: String(grpcPort),
      LOG_LEVEL: "warn",
      REGISTRY_URL: world.registryUrl,
      MODELS: `${MODEL_NAME}@champion`,
      FEATURE_SPEC_VERSION: String(currentFeatureSpec().version),
    }),
  });
}

async function deciderOn(
  context: BenchContext,
  redis: Redis,
  address: string,
  progress: { published: number },
): Promise<BatchDecider> {
  const spec = currentFeatureSpec();
  const policyFile = join(context.root, "apps", "decisions", "policy.yaml");
  const policy = parsePolicy(await readFile(policyFile, "utf8"), spec);
  const client = new InferenceClient(address);
  context.defer(async () => client.close());
  const producer: EventProducer = {
    async send(records) {
      progress.published += records.length;
    },
    close: async () => {},
  };
  const waits = { scoringWaitMsMax: WAIT_MS_MAX, contributionsWaitMsMax: WAIT_MS_MAX };
  return batchDecider({ redis, client, producer, policy, ...waits });
}

/** Records as the features service writes them, each with a new payment. */
function recordsOf(payments: readonly VectorPayment[], run: string, from: number): IncomingRecord[] {
  return Array.from({ length: BATCH }, (_, index) => {
    const payment = payments[(from + index) % payments.length];
    if (payment === undefined) throw new BenchError("There are no payments.");
    const id = transactionId("demo", `${run}-${index}`);
    const vector: FeatureVector = {
      transaction: { ...payment.transaction, transactionId: id },
      specVersion: currentFeatureSpec().version,
      values: [...payment.values],
      sequences: [1, 1, 1, 1],
      tooLate: false,
      incomplete: false,
      profileTimesMs: [],
      computedAtMs: payment.transaction.occurredAtMs,
    };
    return {
      topic: TOPICS.features.name,
      partition: 0,
      offset: index,
      key: payment.transaction.cardToken,
      value: Buffer.from(FeatureVector.encode(vector).finish()),
      headers: {
        [HEADERS.schema]: TOPICS.features.schema,
        [HEADERS.tenant]: "demo",
        [HEADERS.replyTo]: "reply:bench",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
      },
      timestampMs: payment.transaction.occurredAtMs,
    };
  });
}
