import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";
import type { PaymentStream } from "./arrivals/payment-stream.js";
import {
  ALONE_PER_S,
  CLOSED_CONNECTIONS,
  loadContestant,
  ROUND_MS,
  SHORT_ROUND_MS,
  streamOn,
  waitSecondsOf,
} from "./bench-load.js";
import { besideContext, closedContestant } from "./closed-contestant.js";
import type { BenchSystem } from "./system/read-services.js";
import { startBenchSystem } from "./system/start-system.js";
import { prepareWorld } from "./world/prepare-world.js";

const ROUNDS = 5;
const WARM_UP_ROUNDS = 5;

/** The effect of a change: two builds of the services, in turns, as fast as they answer. */
export const buildsPart: BenchPart = {
  name: "builds",
  title: `this build compared with that of another folder, ${CLOSED_CONNECTIONS} payments in flight and ${ALONE_PER_S} a second`,
  onlyWhenNamed: true,
  async check({ flags }) {
    if (typeof flags.beside !== "string") {
      throw new BenchError(
        "builds needs another built copy of the repository: give its folder with --beside <folder>.",
      );
    }
    const entry = join(resolve(flags.beside), "apps", "decisions", "dist", "main.js");
    if (!existsSync(entry)) throw new BenchError(`--beside: ${entry} does not exist; build that copy first.`);
  },
  run: runBuilds,
};

async function runBuilds(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const other = besideContext(context, resolve(String(context.flags.beside)));
  const builds: Build[] = [];
  for (const [name, own] of [["this", context] as const, ["other", other] as const]) {
    const system = await startBenchSystem(own, world);
    builds.push({ name, system, stream: streamOn(system, world, waitSecondsOf(context)) });
  }
  const rounds = context.roundsOr(ROUNDS);
  const contestants = [
    ...builds.map(({ name, system, stream }) => closedContestant({ name, ...system, stream, isShort })),
    ...builds.map((build) => aloneContestant(build, rounds, isShort)),
  ];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: WARM_UP_ROUNDS });
  return {
    contestants: measured,
    summary: {
      rate_ratio: ratioOf(measured, "ops_per_s", "this", "other"),
      cpu_ratio: ratioOf(measured, "cpu_us_per_op", "this", "other"),
      alone_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "this, alone", "other, alone"),
      alone_p50_ratio: ratioOf(measured, "p50_ms", "this, alone", "other, alone"),
    },
    notes: [
      "rate_ratio, cpu_ratio, alone_cpu_ratio and alone_p50_ratio: this build divided by the other one, round by round.",
      `alone: ${ALONE_PER_S} payments a second, so that one is seldom there while another one is.`,
    ],
  };
}

interface Build {
  readonly name: string;
  readonly system: BenchSystem;
  readonly stream: PaymentStream;
}

/** After the rounds at full speed, which have warmed it up. */
function aloneContestant({ name, ...build }: Build, roundsMax: number, isShort: boolean): Contestant {
  const durationMs = isShort ? SHORT_ROUND_MS : ROUND_MS;
  return { ...loadContestant({ name: `${name}, alone`, ...build, ratePerSecond: ALONE_PER_S, durationMs }), roundsMax };
}
