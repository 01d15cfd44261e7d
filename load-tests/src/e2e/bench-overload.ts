import { setTimeout as delay } from "node:timers/promises";
import type { BenchContext } from "../harness/bench-context.js";
import type { CpuMeter } from "../harness/cpu-meter.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";
import { percentile } from "../harness/spread.js";
import type { ArrivalFigures } from "./arrivals/drive-arrivals.js";
import { decidedPerSecond, driveArrivals } from "./arrivals/drive-arrivals.js";
import { fetchDecisions } from "./arrivals/fetch-decisions.js";
import type { PaymentStream } from "./arrivals/payment-stream.js";
import { CLOSED_CONNECTIONS, CONNECTIONS, closedRate, processMeters, requestsFor, startWarm } from "./bench-load.js";
import type { BenchSystem } from "./system/read-services.js";

const ROUNDS = 3;
const PHASE_MS = 10_000;
const SHORT_PHASE_MS = 1_000;
const TIMES_OVER = 3;
/** Enough that callers do not wait for connections. */
const CONNECTIONS_OVER = 4_000;
const SHORT_CONNECTIONS = 200;
const AFTER_SHARE = 0.5;
/** Average wait of callers under overload. The 99th percentile is more than twice as high. */
const WAIT_TARGET_MS = 80;
/** The system has recovered once p99 stays within this. */
const RECOVERED_P99_MS = 200;
const SLICE_MS = 250;

/**
 * Three times the system's capacity, immediately followed by half of it. The capacity is the rate of a closed loop,
 * because the highest rate within a latency limit would be lower, which would improve the ratio.
 */
export const overloadPart: BenchPart = {
  name: "overload",
  title: `${TIMES_OVER} times the rate of a closed loop for ${PHASE_MS / 1_000} s, then half of that rate: goodput, rejections, and recovery time`,
  run: runOverload,
};

async function runOverload(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const { system, stream } = await startWarm(context, { ingestion: { WAIT_TARGET_MS: String(WAIT_TARGET_MS) } });
  const most = await closedRate(context, system, stream);
  const plan = { system, stream, phaseMs: isShort ? SHORT_PHASE_MS : PHASE_MS };
  const contestants = [
    contestant("closed loop", { ...plan, ratePerSecond: 0, connectionsMax: CLOSED_CONNECTIONS }),
    contestant("overload", {
      ...plan,
      ratePerSecond: most * TIMES_OVER,
      connectionsMax: isShort ? SHORT_CONNECTIONS : CONNECTIONS_OVER,
      afterPerSecond: most * AFTER_SHARE,
    }),
  ];
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS });
  return {
    contestants: measured,
    summary: {
      goodput_ratio: ratioOf(measured, "goodput_per_s", "overload", "closed loop"),
      accepted_p99_ms: samplesOf(measured, "overload", "p99_ms"),
      recovery_s: samplesOf(measured, "overload", "recovery_s"),
      lost: samplesOf(measured, "overload", "lost"),
    },
    notes: [
      `Before the overload, a closed loop of ${CLOSED_CONNECTIONS} reached ${Math.round(most)} per second; the overload is ${TIMES_OVER} times that rate.`,
      `Ingestion runs with WAIT_TARGET_MS=${WAIT_TARGET_MS}; the load generator shares the cores.`,
      "goodput_per_s: payments per second whose decisions reached their callers; generator_cores: cores that the generator used. refused: 429 or 503 with Retry-After. lost: accepted but never decided.",
      `recovery_s: time until responses take at most ${RECOVERED_P99_MS} ms again, after the load has fallen to half the rate of a closed loop.`,
    ],
  };
}

interface OverloadPlan {
  readonly system: BenchSystem;
  readonly stream: PaymentStream;
  readonly ratePerSecond: number;
  readonly connectionsMax: number;
  readonly phaseMs: number;
  /** Rate after the overload, in payments per second. */
  readonly afterPerSecond?: number;
}

function contestant(name: string, plan: OverloadPlan): Contestant {
  const { system, stream, ratePerSecond, connectionsMax, phaseMs, afterPerSecond } = plan;
  const prepared = { during: stream.take(0), after: stream.take(0) };
  return {
    name,
    meters: processMeters(system),
    async prepare() {
      prepared.during = requestsFor(stream, ratePerSecond, phaseMs);
      if (afterPerSecond !== undefined) prepared.after = requestsFor(stream, afterPerSecond, phaseMs);
    },
    async run() {
      const started = Promise.withResolvers<void>();
      const load = { port: system.port, requests: prepared.during, ratePerSecond, connectionsMax, durationMs: phaseMs };
      // The lower load starts when the overload ends, while responses to the overload are still pending.
      const generator = ownCpu();
      const [during, after, generatorMs] = await Promise.all([
        driveArrivals({ ...load, onStart: started.resolve }),
        started.promise.then(() => recover(plan, prepared.after)),
        started.promise.then(() => cpuWithin(generator, phaseMs)),
      ]);
      const operations = during.decided + during.degraded;
      const figures = await figuresOf(system, during, after);
      return { operations: Math.max(1, operations), figures: { ...figures, generator_cores: generatorMs / phaseMs } };
    },
  };
}

/** Measures CPU time from now on, in ms. */
async function cpuWithin(meter: CpuMeter, durationMs: number): Promise<number> {
  const beforeMs = await meter.readMs();
  await delay(durationMs);
  return (await meter.readMs()) - beforeMs;
}

async function recover(plan: OverloadPlan, requests: OverloadRequests): Promise<ArrivalFigures | undefined> {
  const { system, afterPerSecond, phaseMs } = plan;
  if (afterPerSecond === undefined) return undefined;
  await delay(phaseMs);
  const connectionsMax = Math.min(plan.connectionsMax, CONNECTIONS);
  return driveArrivals({ port: system.port, requests, ratePerSecond: afterPerSecond, connectionsMax });
}

type OverloadRequests = ReturnType<PaymentStream["take"]>;

async function figuresOf(
  system: BenchSystem,
  during: ArrivalFigures,
  after: ArrivalFigures | undefined,
): Promise<Record<string, number>> {
  const { sent, degraded, pending, refused, failed, latenciesMs, lateMsP99 } = during;
  const lost = await fetchDecisions(system, [...during.pendingIds, ...(after?.pendingIds ?? [])]);
  return {
    sent,
    goodput_per_s: decidedPerSecond(during),
    refused_share: refused / sent,
    pending_share: pending / sent,
    failed,
    degraded,
    p50_ms: latenciesMs.length === 0 ? Number.POSITIVE_INFINITY : percentile(latenciesMs, 0.5),
    p99_ms: latenciesMs.length === 0 ? Number.POSITIVE_INFINITY : percentile(latenciesMs, 0.99),
    generator_late_p99_ms: lateMsP99,
    recovery_s: after === undefined ? 0 : recoverySeconds(after),
    lost,
  };
}

/** Time until the end of the last slice with slow responses. */
export function recoverySeconds({
  latenciesMs,
  answeredAtMs,
}: Pick<ArrivalFigures, "latenciesMs" | "answeredAtMs">): number {
  const slices = new Map<number, number[]>();
  latenciesMs.forEach((latencyMs, index) => {
    const slice = Math.floor((answeredAtMs[index] ?? 0) / SLICE_MS);
    const known = slices.get(slice);
    if (known === undefined) slices.set(slice, [latencyMs]);
    else known.push(latencyMs);
  });
  const slow = [...slices].filter(([, values]) => percentile(values, 0.99) > RECOVERED_P99_MS).map(([slice]) => slice);
  return slow.length === 0 ? 0 : ((Math.max(...slow) + 1) * SLICE_MS) / 1_000;
}
