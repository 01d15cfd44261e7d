import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf } from "../harness/run-contestants.js";
import { CLOSED_CONNECTIONS, streamOn, waitSecondsOf } from "./bench-load.js";
import { besideContext, closedContestant } from "./closed-contestant.js";
import { startBenchSystem } from "./system/start-system.js";
import type { World } from "./world/prepare-world.js";
import { prepareWorld } from "./world/prepare-world.js";

const ROUNDS = 5;
const WARM_UP_ROUNDS = 5;

/** The effect of a change: two builds of the services, in turns, as fast as they answer. */
export const buildsPart: BenchPart = {
  name: "builds",
  title: `this build compared with that of another folder, ${CLOSED_CONNECTIONS} payments in flight`,
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
  const world = await prepareWorld(context, context.flags.short === true);
  const other = besideContext(context, resolve(String(context.flags.beside)));
  const contestants = [await buildContestant("this", context, world), await buildContestant("other", other, world)];
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds: WARM_UP_ROUNDS });
  return {
    contestants: measured,
    summary: {
      rate_ratio: ratioOf(measured, "ops_per_s", "this", "other"),
      cpu_ratio: ratioOf(measured, "cpu_us_per_op", "this", "other"),
    },
    notes: ["rate_ratio and cpu_ratio: this build divided by the other one, round by round."],
  };
}

async function buildContestant(name: string, context: BenchContext, world: World): Promise<Contestant> {
  const system = await startBenchSystem(context, world);
  const isShort = context.flags.short === true;
  return closedContestant({ name, ...system, stream: streamOn(system, world, waitSecondsOf(context)), isShort });
}
