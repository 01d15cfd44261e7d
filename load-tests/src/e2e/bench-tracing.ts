import { join } from "node:path";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { processTreeCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";
import { startHttpServer } from "../harness/start-http-server.js";
import type { PaymentStream } from "./arrivals/payment-stream.js";
import {
  highestRate,
  loadContestant,
  ROUND_MS,
  SHORT_ROUND_MS,
  streamOn,
  waitSecondsOf,
  warmUp,
} from "./bench-load.js";
import { besideContext } from "./closed-contestant.js";
import type { BenchSystem } from "./system/read-services.js";
import { PROGRAMS } from "./system/read-services.js";
import { startBenchSystem } from "./system/start-system.js";
import type { World } from "./world/prepare-world.js";
import { prepareWorld } from "./world/prepare-world.js";

const ROUNDS = 5;
const SHARE = 0.9;
const READY_MS = 20_000;
const US_PER_MS = 1_000;

/** The share of traced payments; if undefined, nothing is exported. */
const SIDES = { off: undefined, "1 %": 0.01, "100 %": 1 } as const;
type SideName = keyof typeof SIDES;

/** The cost of recording spans and sending them to a receiver on this machine, compared with no spans. */
export const tracingPart: BenchPart = {
  name: "tracing",
  title: "no spans, spans of 1 % of the payments, and spans of all payments, exported to a receiver, alternating",
  line: ["cpu_ratio_1", "cpu_ratio_100"],
  run: runTracing,
};

interface Receiver {
  readonly url: string;
  readonly pid: number;
}

interface Side {
  readonly name: SideName;
  readonly system: BenchSystem;
  readonly stream: PaymentStream;
  readonly receiver: Receiver | undefined;
}

async function runTracing(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const off = await startSide(context, world, "off");
  const sides = [off, await startSide(context, world, "1 %"), await startSide(context, world, "100 %")];
  for (const { system, stream } of sides) await warmUp(context, system, stream);
  const { ratePerSecond: highest } = await highestRate(context, off.system, off.stream);
  const contestants = sides.map((side) => tracedContestant(side, highest * SHARE, isShort));
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS });
  for (const { receiver, name } of sides) {
    if (receiver !== undefined && (await bytesAt(receiver)) === 0) {
      throw new BenchError(`tracing: no span arrived at the receiver of ${name}.`);
    }
  }
  return {
    contestants: measured,
    summary: {
      cpu_ratio_1: ratioOf(measured, "cpu_us_per_op", "1 %", "off"),
      cpu_ratio_100: ratioOf(measured, "cpu_us_per_op", "100 %", "off"),
    },
    notes: [
      "Every ratio is the CPU time per decision divided by that without spans, round by round, of all processes including Kafka and Valkey.",
      "It excludes receiver_us_per_op, the CPU time of a receiver that discards everything. bytes_per_op: bytes that the receiver got.",
      "All three get the same rate: nine tenths of the highest rate that the system without spans sustained, or of --rate. Each has its own Kafka and Valkey; only one of them gets payments at a time.",
    ],
  };
}

async function startSide(context: BenchContext, world: World, name: SideName): Promise<Side> {
  const share = SIDES[name];
  const own = share === undefined ? context : besideContext(context, context.root, `traced-${share}`);
  const receiver = share === undefined ? undefined : await startReceiver(own);
  const variables =
    receiver === undefined
      ? {}
      : {
          OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
          OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
          OTEL_TRACES_SAMPLER_ARG: String(share),
        };
  const changes = Object.fromEntries(PROGRAMS.services.map((program) => [program, variables]));
  const system = await startBenchSystem(own, world, changes);
  return { name, system, stream: streamOn(system, world, waitSecondsOf(context)), receiver };
}

function startReceiver(context: BenchContext): Promise<Receiver> {
  const program = join(context.root, "load-tests", "dist", "e2e", "system", "receive-spans.js");
  return startHttpServer(context, {
    name: "receiver",
    command: process.execPath,
    args: (port) => [program, String(port)],
    readyPath: "/",
    readyMs: READY_MS,
    environment: () => ({}),
  });
}

function tracedContestant({ name, receiver, ...side }: Side, ratePerSecond: number, isShort: boolean): Contestant {
  const durationMs = isShort ? SHORT_ROUND_MS : ROUND_MS;
  const contestant = loadContestant({ name, ...side, ratePerSecond, durationMs });
  if (receiver === undefined) return contestant;
  const cpu = processTreeCpu("receiver", receiver.pid);
  return {
    ...contestant,
    async run() {
      const [beforeMs, before] = [await cpu.readMs(), await bytesAt(receiver)];
      const { operations, figures } = await contestant.run();
      const usPerOp = (((await cpu.readMs()) - beforeMs) * US_PER_MS) / operations;
      const bytesPerOp = ((await bytesAt(receiver)) - before) / operations;
      return { operations, figures: { ...figures, receiver_us_per_op: usPerOp, bytes_per_op: bytesPerOp } };
    },
  };
}

async function bytesAt({ url }: Receiver): Promise<number> {
  return Number(await (await fetch(url)).text());
}
