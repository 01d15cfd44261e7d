import { join } from "node:path";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { TriplineClient } from "@tripline/system/client/tripline-client";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { planServices } from "@tripline/system/services/plan-services";
import { InvalidArgumentError, Option } from "commander";
import { driveArrivals } from "../e2e/arrivals/drive-arrivals.js";
import type { PaymentStream } from "../e2e/arrivals/payment-stream.js";
import { processMeters, requireHealthy, streamOn, warmUp } from "../e2e/bench-load.js";
import type { BenchSystem } from "../e2e/system/read-services.js";
import { readMemory, residentMb } from "../e2e/system/read-services.js";
import { startBenchSystem } from "../e2e/system/start-system.js";
import type { World } from "../e2e/world/prepare-world.js";
import { prepareWorld } from "../e2e/world/prepare-world.js";
import type { BenchContext } from "../harness/bench-context.js";
import { processTreeCpu } from "../harness/cpu-meter.js";
import type { Benchmark, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { startServer } from "../harness/start-server.js";
import type { KeyFigures } from "./measure-bytes.js";
import { bytesOfFolder, bytesOfTopics, measureKeys } from "./measure-bytes.js";

/** From a few payments per batch to many, because the cost of a decision falls by a factor of ten in this range. */
const RATES_DEFAULT = [300, 1_000, 2_500] as const;
const ROUNDS = 3;
const ROUND_MS = 10_000;
const SHORT_ROUND_MS = 1_000;
/** Few connections, so that the cost of a decision does not include opening them. */
const CONNECTIONS_MAX = 256;
const ARCHIVE_MS_MAX = 120_000;
const US_PER_MS = 1_000;
const PAYMENTS = 20_000;
const SHORT_PAYMENTS = 500;
/** Concurrent requests, which give the same batch sizes as a few hundred payments per second. */
const BYTES_CONNECTIONS = 32;
const LABELS = 200;
const LABEL_WAIT_S = 10;
/** Prefix of the kind of a window state, before its entity. */
const STATE = "state:";

/** The input of `tripline capacity`: CPU by process at several loads, and bytes by topic, key and payment. */
export const capacityBenchmark: Benchmark = {
  name: "capacity",
  description: "cost of a decision by process, topic and key, at several loads: input of tripline capacity",
  options: [
    new Option("--rates <per second,...>", "decisions per second at which to measure")
      .argParser(parseRates)
      .default([...RATES_DEFAULT]),
    new Option("--small", "300 cards instead of 10,000; ready in seconds"),
    new Option("--short", "a few seconds with a small world, as a test; the figures are meaningless"),
  ],
  parts: [
    {
      name: "cost",
      title: "all processes of the system at several steady loads, and the bytes left on disk and in memory",
      run: runCost,
    },
    {
      name: "bytes",
      title: "the bytes that payments leave on disk and in memory, also measurable on a busy machine",
      onlyWhenNamed: true,
      run: runBytes,
    },
  ],
  // `tripline capacity --learn` reads results of a single part.
  line: ["cpu_us_per_decision", "kafka_bytes", "redis_bytes", "lake_bytes"],
};

function parseRates(text: string): number[] {
  const rates = text.split(",").map(Number);
  if (rates.length >= 2 && rates.every((rate) => rate > 0 && rate <= 1_000_000)) return rates;
  throw new InvalidArgumentError("It must be two or more rates in payments per second, such as 300,1000,2500.");
}

async function runCost(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const { world, system, stream, states } = await startCapacity(context);
  await warmUp(context, system, stream);
  const rates = Array.isArray(context.flags.rates) ? context.flags.rates.map(Number) : [...RATES_DEFAULT];
  const durationMs = isShort ? SHORT_ROUND_MS : ROUND_MS;
  const contestants = rates.map((ratePerSecond) => atRate({ system, stream, ratePerSecond, durationMs }));
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS });
  await label(system, stream);
  const { figures, archiveFigures } = await measureKept(context, world, states);
  const busiest = measured.at(-1)?.samples;
  return {
    contestants: measured,
    summary: { ...figures, ...archiveFigures, cpu_us_per_decision: busiest?.cpu_us_per_op ?? [] },
    notes: [CPU_NOTE, ...NOTES],
  };
}

async function runBytes(context: BenchContext): Promise<PartOutcome> {
  const { world, system, stream, states } = await startCapacity(context);
  const requests = stream.take(context.flags.short === true ? SHORT_PAYMENTS : PAYMENTS);
  const load = { port: system.port, requests, ratePerSecond: 0, connectionsMax: BYTES_CONNECTIONS };
  requireHealthy(await driveArrivals(load));
  await label(system, stream);
  const { figures } = await measureKept(context, world, states);
  return { contestants: [], summary: figures, notes: NOTES };
}

async function startCapacity(context: BenchContext) {
  const world = await prepareWorld(context, context.flags.short === true || context.flags.small === true);
  const system = await startBenchSystem(context, world);
  // Measured before the first payment, because in this run a card makes more payments in a minute than it normally does
  // in a month.
  const states = await measureKeys((await context.redis()).client);
  return { world, system, stream: streamOn(system, world), states };
}

/** Sends labels, so that their records are measured as well. */
async function label({ port, authorization }: BenchSystem, stream: PaymentStream): Promise<void> {
  const payments: SimulatedPayment[] = [];
  stream.take(LABELS, (payment) => {
    payments.push(payment);
    return payment;
  });
  const tokens = { authorization: async () => authorization };
  const client = new TriplineClient(`http://127.0.0.1:${port}`, tokens);
  await client.applyLabels(payments, LABEL_WAIT_S);
}

const CPU_NOTE = "<process>_cpu_ms is the CPU time of a round that lasts wall_ms, including background work.";
const NOTES = [
  "kafka_bytes_<topic>: the segments of one replica divided by their records. redis_bytes_<kind>: MEMORY USAGE of a sample of the keys. redis_states_<entity>: window states of the world per card or terminal.",
  "lake_bytes: the archive's files divided by the payments, once it has caught up; archive_us_per_decision is its CPU time for that.",
];

interface SteadyLoad {
  readonly system: BenchSystem;
  readonly stream: PaymentStream;
  readonly ratePerSecond: number;
  readonly durationMs: number;
}

function atRate({ system, stream, ratePerSecond, durationMs }: SteadyLoad): Contestant {
  return {
    name: `${ratePerSecond} a second`,
    meters: processMeters(system),
    async run() {
      const requests = stream.take(Math.ceil((ratePerSecond * durationMs) / 1_000));
      const figures = await driveArrivals({
        port: system.port,
        requests,
        ratePerSecond,
        connectionsMax: CONNECTIONS_MAX,
      });
      requireHealthy(figures);
      return {
        operations: figures.decided + figures.degraded,
        figures: { rate: ratePerSecond, ...readMemory(system) },
      };
    },
  };
}

/** Measures the data that all payments so far have produced and, separately, the archive's CPU time and memory. */
async function measureKept(context: BenchContext, world: World, states: ReadonlyMap<string, KeyFigures>) {
  const topics = await bytesOfTopics(context.folder, await context.kafka());
  const keys = new Map([...(await measureKeys((await context.redis()).client)), ...states]);
  const { lake_bytes, ...archiveFigures } = await archiveAll(context, world);
  const figures: Record<string, readonly number[]> = { lake_bytes };
  for (const [topic, bytes] of topics) figures[`kafka_bytes_${topic}`] = [bytes];
  for (const [kind, { bytes, keys: count }] of keys) {
    const entity = kind.startsWith(STATE) ? kind.slice(STATE.length) : undefined;
    figures[`redis_bytes_${entity ?? kind}`] = [bytes];
    if (entity === undefined) continue;
    const owner = keys.get(`${STATE}${entity.startsWith("terminal") ? "terminal" : "card"}`);
    figures[`redis_states_${entity}`] = [count / (owner?.keys ?? Number.NaN)];
  }
  const sum = (...values: readonly (number | undefined)[]) =>
    values.reduce<number>((total, one) => total + (one ?? 0), 0);
  figures.kafka_bytes = [sum(...topics.values())];
  figures.redis_bytes = [sum(keys.get("idem")?.bytes, keys.get("decision")?.bytes)];
  return { figures, archiveFigures };
}

/** Starts the archive and waits until it has written everything. */
async function archiveAll(context: BenchContext, world: World) {
  const brokers = await context.kafka();
  const lake = join(context.folder, "lake");
  const [port = 0] = await findFreePorts(1);
  const none = {
    ingestion: 0,
    features: 0,
    scoring: 0,
    scoringGrpc: 0,
    decisions: 0,
    auth: 0,
    control: 0,
    console: 0,
    kafka: 0,
    redis: 0,
  };
  const plan = planServices({
    ports: { ...none, postgres: 0, archive: port },
    secrets: demoSecrets(world.secretsFile),
    kafkaBrokers: brokers,
    redisUrl: (await context.redis()).url,
    postgresUrl: "",
    registryUrl: world.registryUrl,
    eventAgeDaysMax: 1,
    scoringWaitMs: 1,
    lakeDirectory: lake,
    logLevel: "warn",
  }).find(({ name }) => name === "archive");
  const pid = await startServer(context, {
    name: "archive",
    command: process.execPath,
    args: [join(context.root, "apps", "archive", "dist", "main.js")],
    environment: plan?.environment ?? {},
    port,
    readyMs: ARCHIVE_MS_MAX,
    isReady: async () => (await fetch(`${plan?.url}/health/live`).catch(() => undefined))?.ok === true,
  });
  const archive = processTreeCpu("archive", pid);
  const startCpuMs = await archive.readMs();
  const kafka = connectKafka({ brokers, clientId: "bench" });
  await awaitArchive(kafka, lake);
  const admin = await kafka.admin();
  const payments = [...(await admin.endOffsets("features")).values()].reduce((sum, end) => sum + end, 0);
  await admin.close();
  const cpuMs = (await archive.readMs()) - startCpuMs;
  return {
    lake_bytes: [(await bytesOfFolder(lake)) / payments],
    archive_us_per_decision: [(cpuMs * US_PER_MS) / payments],
    archive_rss_mb: [residentMb(pid)],
  };
}
