import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import { UNSENT } from "@tripline/contracts/unsent-fields";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { listFiles } from "@tripline/lake/log/list-files";
import { openDisk } from "@tripline/lake/log/open-disk";
import { startPythonStores } from "@tripline/object-store/testing/store-servers";
import { Option } from "commander";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { endedChildrenCpu } from "../harness/cpu-meter.js";
import type { Benchmark, BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";

const TOPIC = TOPICS.features;
const EVENTS_DEFAULT = 200_000;
const ROUNDS = 3;
const SEND_AT_ONCE = 5_000;
const NOON_MS = Date.UTC(2026, 0, 1, 12);
const ROUND_MS_MAX = 600_000;
const POLL_MS = 100;

/** Vectors that wait in Kafka, into a lake in a folder and one in S3: what archive can keep up with. */
const lakePart: BenchPart = {
  name: "lake",
  title: "vectors from Kafka into a lake, by one archive: in a folder, in S3 (moto)",
  run: runLake,
};

export const archiveBenchmark: Benchmark = {
  name: "archive",
  description: "archiving to a folder and to S3, which moto stands for",
  options: [new Option("--events <count>", "vectors that are archived").argParser(Number).default(EVENTS_DEFAULT)],
  parts: [lakePart],
  line: ["archive_s3_per_s", "archive_folder_per_s", "archive_s3_cpu_us", "archive_s3_cpu_ratio"],
};

async function runLake(context: BenchContext): Promise<PartOutcome> {
  const events = Number(context.flags.events ?? EVENTS_DEFAULT);
  const brokers = await context.kafka();
  const ends = await fillTopic(brokers, events);
  const stores = await startPythonStores();
  context.defer(() => stores.stop());
  const { url, environment } = stores.s3.writer;
  const folder = join(context.folder, "lake");
  const contestants = [
    contestantOf(context, "folder", (round) => `${folder}-${round}`, ends, {}),
    contestantOf(context, "s3", (round) => `${url}/bench-${round}`, ends, environment),
  ];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS });
  return {
    contestants: measured,
    summary: {
      archive_s3_per_s: samplesOf(measured, "s3", "ops_per_s"),
      archive_folder_per_s: samplesOf(measured, "folder", "ops_per_s"),
      archive_s3_cpu_us: samplesOf(measured, "s3", "cpu_us_per_op"),
      archive_s3_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "s3", "folder"),
    },
    notes: [
      "A second counts from the start of the process to the entry that has the last event; all of them are in the lake.",
      "moto keeps objects in the memory of one Python process on the same cores: a bucket of a cloud is farther, and not so slow.",
    ],
  };
}

/** @returns by partition: how many there are */
async function fillTopic(brokers: readonly string[], events: number): Promise<ReadonlyMap<number, number>> {
  const kafka = connectKafka({ brokers: [...brokers], clientId: "bench" });
  const producer = await kafka.producer();
  for (let at = 0; at < events; at += SEND_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(SEND_AT_ONCE, events - at) }, (_, index) => at + index);
    await producer.send(numbers.map(recordOf));
  }
  await producer.close();
  const admin = await kafka.admin();
  const ends = await admin.endOffsets(TOPIC.name);
  await admin.close();
  return ends;
}

function recordOf(number: number) {
  const { version, features } = currentFeatureSpec();
  const transaction = {
    transactionId: `txn_${number}`,
    tenant: "demo",
    clientTransactionId: `c-${number}`,
    cardToken: `card_${number % 10_000}`,
    terminalId: `t-${number % 1_000}`,
    amountMinor: 100 + number,
    currency: "EUR",
    occurredAtMs: NOON_MS + number,
    acceptedAtMs: NOON_MS + number,
    ...UNSENT,
  };
  const values = features.map((_, index) => ((number * 31 + index * 17) % 1_000) / 7);
  const value = FeatureVector.encode({
    transaction,
    specVersion: version,
    values,
    sequences: [number],
    computedAtMs: NOON_MS + number,
    tooLate: false,
    incomplete: false,
    profileTimesMs: [],
  }).finish();
  return { topic: TOPIC.name, key: transaction.cardToken, value, headers: { [HEADERS.schema]: TOPIC.schema } };
}

function contestantOf(
  context: BenchContext,
  name: string,
  lakeOf: (round: number) => string,
  ends: ReadonlyMap<number, number>,
  environment: Readonly<Record<string, string>>,
): Contestant {
  let round = 0;
  return {
    name,
    // Each round's process has ended when it is read.
    meters: [endedChildrenCpu("archive")],
    async run() {
      round += 1;
      const lake = lakeOf(round);
      await archiveAll(context, lake, ends, environment);
      if (name === "folder") await rm(lake, { recursive: true, force: true });
      return { operations: [...ends.values()].reduce((sum, end) => sum + end, 0) };
    },
  };
}

async function archiveAll(
  context: BenchContext,
  lake: string,
  ends: ReadonlyMap<number, number>,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const entry = join(context.root, "apps", "archive", "dist", "main.js");
  const brokers = await context.kafka();
  const child = spawn(process.execPath, [entry], {
    env: {
      ...environment,
      PORT: "0",
      LOG_LEVEL: "warn",
      FLUSH_AGE_MS: "1000",
      KAFKA_BROKERS: brokers.join(","),
      LAKE_URL: lake,
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = once(child, "exit");
  const disk = await openDisk(lake, environment);
  try {
    const deadlineMs = performance.now() + ROUND_MS_MAX;
    while (!(await holds(lake, disk, ends))) {
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        throw new BenchError(`archive did not take everything into ${lake} within ${ROUND_MS_MAX} ms.`);
      }
      await delay(POLL_MS);
    }
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

async function holds(lake: string, disk: LakeDisk, ends: ReadonlyMap<number, number>): Promise<boolean> {
  const { positions } = await listFiles(lake, TOPIC.name, [], disk).catch(() => ({
    positions: new Map<number, number>(),
  }));
  return [...ends].every(([partition, end]) => (positions.get(partition) ?? 0) >= end);
}
