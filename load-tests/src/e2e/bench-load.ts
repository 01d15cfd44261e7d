import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { CpuMeter } from "../harness/cpu-meter.js";
import { ownCpu, processTreeCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant, Measured } from "../harness/run-contestants.js";
import { samplesOf } from "../harness/run-contestants.js";
import { percentile } from "../harness/spread.js";
import type { ArrivalFigures } from "./arrivals/drive-arrivals.js";
import { decidedPerSecond, driveArrivals } from "./arrivals/drive-arrivals.js";
import { fetchDecisions } from "./arrivals/fetch-decisions.js";
import { findMaximum } from "./arrivals/find-maximum.js";
import type { RequestSource } from "./arrivals/payment-stream.js";
import { PaymentStream } from "./arrivals/payment-stream.js";
import type { BenchSystem } from "./system/read-services.js";
import { readLoopDelays, readMemory } from "./system/read-services.js";
import type { EnvironmentChanges } from "./system/start-system.js";
import { startBenchSystem } from "./system/start-system.js";
import type { World } from "./world/prepare-world.js";
import { prepareWorld } from "./world/prepare-world.js";

const ROUNDS = 3;
export const ROUND_MS = 10_000;
export const SHORT_ROUND_MS = 1_000;
/** At 2,000 payments per second, V8 compiles hot code for half a minute, which does not matter in production. */
const WARM_UP_MS = 40_000;
const SHORT_WARM_UP_MS = 1_000;
/** Open connections, which limit the requests in flight. Waiting for a free connection counts as latency. */
export const CONNECTIONS = 512;
/** Payments in flight during warm-up and the search for the capacity. */
export const CLOSED_CONNECTIONS = 256;
/** A rate at which payments rarely overlap. */
export const ALONE_PER_S = 50;
const WAIT_SECONDS = 5;
/** The wait with --short, which is longer because this only tests the benchmark, possibly on a busy machine. */
const SHORT_WAIT_SECONDS = 30;
const US_PER_MS = 1_000;

/** The measured rates by name, as shares of the highest sustained rate. */
export const sharesOf = (highest: number): (readonly [name: string, ratePerSecond: number])[] => [
  ["nine tenths", 0.9 * highest],
  ["half", 0.5 * highest],
  ["a tenth", 0.1 * highest],
];

/** The whole system: decisions per second, their latency and cost. */
export const loadPart: BenchPart = {
  name: "load",
  title: "all processes of the system in an open model, with each decision returned to its caller",
  sharesSystem: true,
  run: runLoad,
};

async function runLoad(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const { system, stream } = await startWarm(context);
  const { ratePerSecond: highest, notes } = await highestRate(context, system, stream);
  const durationMs = isShort ? SHORT_ROUND_MS : ROUND_MS;
  const contestants = sharesOf(highest).map(([name, ratePerSecond]) =>
    loadContestant({ name, system, stream, ratePerSecond, durationMs }),
  );
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS });
  return { contestants: measured, summary: summaryOf(highest, measured), notes: [...notes, ...NOTES] };
}

/** A warmed-up system, and the payments that come next. */
export async function startWarm(context: BenchContext, changes?: EnvironmentChanges) {
  const world = await prepareWorld(context, context.flags.short === true);
  const system = await (changes === undefined
    ? sharedSystem(context, world)
    : startBenchSystem(context, world, changes));
  const stream = streamOn(system, world, waitSecondsOf(context));
  await warmUp(context, system, stream);
  return { system, stream };
}

/** How long callers wait for decisions, in seconds. */
export const waitSecondsOf = ({ flags }: BenchContext): number =>
  flags.short === true ? SHORT_WAIT_SECONDS : WAIT_SECONDS;

/** The system in its usual topology. */
export const sharedSystem = (context: BenchContext, world: World): Promise<BenchSystem> =>
  context.share(() => startBenchSystem(context, world));

let streams = 0;

export function streamOn(system: BenchSystem, world: World, waitSeconds = WAIT_SECONDS): PaymentStream {
  streams += 1;
  return new PaymentStream(world, {
    host: `127.0.0.1:${system.port}`,
    authorization: system.authorization,
    waitSeconds,
    // Several streams on one system send the same payments. Without a separate prefix, a payment would count as a
    // retry.
    idPrefix: `e2e-${streams}-`,
  });
}

const NOTES = [
  `An operation is a payment whose decision was returned over HTTP with Prefer: wait=${WAIT_SECONDS}; latency counts from the time at which the payment was due.`,
  "cpu_us_per_op is the CPU time of all processes, including Kafka and Valkey; it excludes generator_us_per_op, which uses the same cores.",
  "10,000 cards with 45 days of payments; four in five payments have a device, an address and a location, so four window states are read and written.",
  "rss_mb and loop_p99_ms: the largest of the four services. Metrics are recorded; spans are not, because there is no collector.",
];

/**
 * Sends payments as fast as responses arrive, until the code is compiled and the caches are full. Takes longer if none
 * of the first payments is decided in time.
 *
 * @throws BenchError if a request fails, or nothing is decided
 */
export async function warmUp(context: BenchContext, system: BenchSystem, stream: RequestSource): Promise<void> {
  context.log("  warming up");
  const durationMs = (context.flags.short === true ? SHORT_WARM_UP_MS : WARM_UP_MS) / WARM_UP_SLICES;
  let figures: ArrivalFigures | undefined;
  for (let slice = 0; slice < WARM_UP_SLICES || isCold(figures, slice); slice += 1) {
    const requests = requestsFor(stream, 0, durationMs);
    const load = { port: system.port, ca: system.ca, requests, ratePerSecond: 0, connectionsMax: CLOSED_CONNECTIONS };
    figures = await driveArrivals({ ...load, durationMs });
  }
  if (figures !== undefined) requireHealthy(figures);
}

const WARM_UP_SLICES = 4;
const WARM_UP_SLICES_MAX = 12;

function isCold(figures: ArrivalFigures | undefined, slice: number): boolean {
  return slice < WARM_UP_SLICES_MAX && figures !== undefined && figures.decided + figures.degraded === 0;
}

/** A rate above the system's capacity. */
const REQUESTS_PER_S_MAX = 10_000;

/** The requests for a run at a rate; for rate 0, more than the system can process. */
export function requestsFor(stream: RequestSource, ratePerSecond: number, durationMs: number) {
  return stream.take(Math.ceil(((ratePerSecond || REQUESTS_PER_S_MAX) * durationMs) / 1_000));
}

export async function highestRate(context: BenchContext, system: BenchSystem, stream: PaymentStream) {
  const { rate } = context.flags;
  if (typeof rate === "number") {
    return { ratePerSecond: rate, notes: [`decisions_per_s was given as --rate ${rate}, without a search.`] };
  }
  const run = (perSecond: number) => probe(context, system, stream, perSecond);
  return findMaximum({ run, log: context.log, isShort: context.flags.short === true });
}

/** A short run at a rate; at rate 0, as fast as responses arrive. */
export async function probe(
  context: BenchContext,
  system: BenchSystem,
  stream: PaymentStream,
  ratePerSecond: number,
): Promise<ArrivalFigures> {
  const durationMs = context.flags.short === true ? SHORT_ROUND_MS : ROUND_MS / 2;
  const requests = requestsFor(stream, ratePerSecond, durationMs);
  const connectionsMax = ratePerSecond === 0 ? CLOSED_CONNECTIONS : CONNECTIONS;
  return driveArrivals({ port: system.port, ca: system.ca, requests, ratePerSecond, connectionsMax, durationMs });
}

/** The rate of a closed loop in payments per second, unless a rate was given. */
export async function closedRate(context: BenchContext, system: BenchSystem, stream: PaymentStream): Promise<number> {
  if (typeof context.flags.rate === "number") return context.flags.rate;
  return decidedPerSecond(await probe(context, system, stream, 0));
}

/** @throws BenchError if a request failed or nothing was decided */
export function requireHealthy(figures: ArrivalFigures): void {
  const { decided, degraded, failed, fault } = figures;
  if (decided + degraded > 0 && failed === 0) return;
  throw new BenchError(
    `${decided + degraded} payments were decided and ${failed} failed${fault === undefined ? "." : `, for instance: ${fault.slice(0, 500)}`}`,
  );
}

export interface LoadPlan {
  readonly name: string;
  readonly system: BenchSystem;
  readonly stream: RequestSource;
  readonly ratePerSecond: number;
  readonly durationMs: number;
}

export function processMeters({ pids, threads = [] }: BenchSystem): CpuMeter[] {
  return [...[...pids].map(([name, pid]) => processTreeCpu(name, pid)), ...threads];
}

/** Measures the system under a steady load. */
export function loadContestant({ name, system, stream, ratePerSecond, durationMs }: LoadPlan): Contestant {
  let requests: ReturnType<RequestSource["take"]> = [];
  return {
    name,
    meters: processMeters(system),
    async prepare() {
      requests = requestsFor(stream, ratePerSecond, durationMs);
      await readLoopDelays(system);
    },
    async run() {
      const generator = ownCpu();
      const beforeMs = await generator.readMs();
      const figures = await driveArrivals({
        port: system.port,
        ca: system.ca,
        requests,
        ratePerSecond,
        connectionsMax: CONNECTIONS,
      });
      const generatorMs = (await generator.readMs()) - beforeMs;
      requireHealthy(figures);
      const operations = figures.decided + figures.degraded;
      const lost = await fetchDecisions(system, figures.pendingIds);
      return {
        operations,
        figures: {
          ...latenciesOf(figures),
          generator_us_per_op: (generatorMs * US_PER_MS) / operations,
          ...(await readLoopDelays(system)),
          ...readMemory(system),
          lost,
        },
      };
    },
  };
}

export function latenciesOf(figures: ArrivalFigures): Record<string, number> {
  const { latenciesMs, degraded, pending, refused, lateMsP99 } = figures;
  return {
    p50_ms: percentile(latenciesMs, 0.5),
    p99_ms: percentile(latenciesMs, 0.99),
    degraded,
    pending,
    refused,
    generator_late_p99_ms: lateMsP99,
  };
}

function summaryOf(highest: number, measured: readonly Measured[]): Record<string, readonly number[]> {
  return {
    decisions_per_s: [highest],
    p50_ms: samplesOf(measured, "half", "p50_ms"),
    p99_ms_at_half: samplesOf(measured, "half", "p99_ms"),
    p99_ms_at_tenth: samplesOf(measured, "a tenth", "p99_ms"),
    cpu_us_per_decision: samplesOf(measured, "nine tenths", "cpu_us_per_op"),
    cpu_us_at_half: samplesOf(measured, "half", "cpu_us_per_op"),
    cpu_us_at_tenth: samplesOf(measured, "a tenth", "cpu_us_per_op"),
    loop_delay_p99_ms: samplesOf(measured, "half", "loop_p99_ms"),
    rss_mb: samplesOf(measured, "half", "rss_mb"),
  };
}
