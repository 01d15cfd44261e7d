import type { Topology } from "@tripline/system/services/plan-services";
import { TOPOLOGIES } from "@tripline/system/services/plan-services";
import type { BenchContext } from "../harness/bench-context.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";
import type { PaymentStream } from "./arrivals/payment-stream.js";
import {
  ALONE_PER_S,
  highestRate,
  loadContestant,
  ROUND_MS,
  SHORT_ROUND_MS,
  sharedSystem,
  streamOn,
  waitSecondsOf,
  warmUp,
} from "./bench-load.js";
import { besideContext, closedContestant } from "./closed-contestant.js";
import type { BenchSystem } from "./system/read-services.js";
import { startBenchSystem } from "./system/start-system.js";
import type { World } from "./world/prepare-world.js";
import { prepareWorld } from "./world/prepare-world.js";

const ROUNDS = 5;
const SHARES = { half: 0.5, "nine tenths": 0.9 } as const;

/** Decisions and scoring in one process, compared with separate processes at the same rates. */
export const topologyPart: BenchPart = {
  name: "topology",
  title: `decisions and scoring in one process vs. separate processes, alternating: ${ALONE_PER_S} payments per second, half of the highest rate, nine tenths of it, and a closed loop`,
  sharesSystem: true,
  line: ["alone_p50_ratio", "alone_cpu_ratio", "cpu_ratio", "rate_ratio", "p50_ratio", "p99_ratio"],
  run: runTopology,
};

interface Side {
  readonly topology: Topology;
  readonly system: BenchSystem;
  readonly stream: PaymentStream;
}

async function runTopology(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const sides: Side[] = [];
  for (const topology of TOPOLOGIES) sides.push(await startSide(context, world, topology));
  for (const { system, stream } of sides) await warmUp(context, system, stream);
  const rates = await ratesOf(context, sides);
  const contestants = [
    ...[...rates].flatMap(([load, ratePerSecond]) => sides.map((side) => steady(side, load, ratePerSecond, isShort))),
    ...sides.map(({ topology, system, stream }) =>
      closedContestant({ name: `${topology}, most`, ...system, stream, isShort }),
    ),
  ];
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS });
  const ratio = (figure: string, load: string) => ratioOf(measured, figure, `together, ${load}`, `services, ${load}`);
  return {
    contestants: measured,
    summary: {
      alone_p50_ratio: ratio("p50_ms", "alone"),
      alone_cpu_ratio: ratio("cpu_us_per_op", "alone"),
      cpu_ratio: ratio("cpu_us_per_op", "nine tenths"),
      rate_ratio: ratio("ops_per_s", "most"),
      p50_ratio: ratio("p50_ms", "half"),
      p99_ratio: ratio("p99_ms", "half"),
    },
    notes: [
      "Every ratio is together divided by services, round by round. CPU is the CPU time of all processes, including Kafka and Valkey.",
      `alone: ${ALONE_PER_S} per second. half and nine tenths: shares of the highest rate that services sustained, or of --rate; both topologies get the same rates. most: ops_per_s of a closed loop.`,
      "Both systems run throughout, each with its own Kafka and Valkey; only one of them gets payments at a time.",
    ],
  };
}

async function startSide(context: BenchContext, world: World, topology: Topology): Promise<Side> {
  const system =
    topology === "services"
      ? await sharedSystem(context, world)
      : await startBenchSystem(besideContext(context, context.root, "together"), world, {}, topology);
  return { topology, system, stream: streamOn(system, world, waitSecondsOf(context)) };
}

/** Payments per second, by name of the load. */
async function ratesOf(context: BenchContext, [services]: readonly Side[]): Promise<ReadonlyMap<string, number>> {
  const alone = ["alone", ALONE_PER_S] as const;
  if (services === undefined) return new Map([alone]);
  const { ratePerSecond } = await highestRate(context, services.system, services.stream);
  return new Map([alone, ...Object.entries(SHARES).map(([load, share]) => [load, share * ratePerSecond] as const)]);
}

function steady({ topology, ...side }: Side, load: string, ratePerSecond: number, isShort: boolean): Contestant {
  const durationMs = isShort ? SHORT_ROUND_MS : ROUND_MS;
  return loadContestant({ name: `${topology}, ${load}`, ...side, ratePerSecond, durationMs });
}
