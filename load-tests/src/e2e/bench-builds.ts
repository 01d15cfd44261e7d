import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { builtCopy } from "@tripline/system/built-copy";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";
import { spreadOf } from "../harness/spread.js";
import type { PaymentStream } from "./arrivals/payment-stream.js";
import type * as benchLoad from "./bench-load.js";
import { ALONE_PER_S, CLOSED_CONNECTIONS, loadContestant, ROUND_MS, SHORT_ROUND_MS, sharesOf } from "./bench-load.js";
import { besideContext, closedContestant } from "./closed-contestant.js";
import type { BenchSystem } from "./system/read-services.js";
import type * as startSystem from "./system/start-system.js";
import type * as prepareWorldModule from "./world/prepare-world.js";

const ROUNDS = 6;
/** Two seconds each. During these rounds, V8 is still compiling hot code. */
const WARM_UP_ROUNDS = 20;

/** Measures the effect of a change: alternates between two builds of the system, at full speed and at equal rates. */
export const buildsPart: BenchPart = {
  name: "builds",
  title: `this build vs. the build in another folder, with ${CLOSED_CONNECTIONS} payments in flight and at equal rates`,
  onlyWhenNamed: true,
  line: [
    "rate_ratio",
    "cpu_ratio",
    "nine_tenths_cpu_ratio",
    "half_cpu_ratio",
    "half_p50_ratio",
    "tenth_p99_ratio",
    "alone_cpu_ratio",
    "alone_p50_ratio",
  ],
  async check({ root, flags }) {
    const folder = await otherBuild(root, flags.beside);
    if (!existsSync(join(folder, START_SYSTEM))) throw new BenchError(`${folder} is not built; build that copy first.`);
  },
  run: runBuilds,
};

async function runBuilds(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const durationMs = isShort ? SHORT_ROUND_MS : ROUND_MS;
  const builds = [
    await startBuild("this", context),
    await startBuild("other", besideContext(context, await otherBuild(context.root, context.flags.beside))),
  ];
  const closed = await context.measure(
    builds.map(({ name, system, stream }) => closedContestant({ name, ...system, stream, isShort })),
    { roundsDefault: ROUNDS, warmUpRounds: isShort ? 1 : WARM_UP_ROUNDS },
  );
  const rate = Math.min(...builds.map(({ name }) => spreadOf(samplesOf(closed, name, "ops_per_s")).median));
  const measured = [...closed];
  for (const [share, ratePerSecond] of [...sharesOf(rate), ["alone", ALONE_PER_S] as const]) {
    const contestants = builds.map(
      ({ name, ...build }): Contestant =>
        loadContestant({ name: `${name}, ${share}`, ...build, ratePerSecond, durationMs }),
    );
    measured.push(...(await context.measure(contestants, { roundsDefault: ROUNDS })));
  }
  const ratio = (figure: string, share: string) => ratioOf(measured, figure, `this, ${share}`, `other, ${share}`);
  return {
    contestants: measured,
    summary: {
      rate_ratio: ratioOf(measured, "ops_per_s", "this", "other"),
      cpu_ratio: ratioOf(measured, "cpu_us_per_op", "this", "other"),
      nine_tenths_cpu_ratio: ratio("cpu_us_per_op", "nine tenths"),
      half_cpu_ratio: ratio("cpu_us_per_op", "half"),
      half_p50_ratio: ratio("p50_ms", "half"),
      tenth_p99_ratio: ratio("p99_ms", "a tenth"),
      alone_cpu_ratio: ratio("cpu_us_per_op", "alone"),
      alone_p50_ratio: ratio("p50_ms", "alone"),
    },
    notes: [
      "A ratio is this build divided by the other one, round by round. rate_ratio and cpu_ratio are measured in a closed loop.",
      `nine tenths, half, a tenth: shares of the slower build's rate. alone: ${ALONE_PER_S} payments per second, so that payments rarely overlap.`,
      "Each build trains its own model, starts its own services and generates its own payments from the same simulation.",
    ],
  };
}

interface Build {
  readonly name: string;
  readonly system: BenchSystem;
  readonly stream: PaymentStream;
}

const E2E = join("load-tests", "dist", "e2e");
const START_SYSTEM = join(E2E, "system", "start-system.js");

/** The folder `beside`, or a copy of the commit `beside` (default: the baseline). A missing copy is built. */
async function otherBuild(root: string, beside: unknown): Promise<string> {
  if (typeof beside === "string" && existsSync(beside)) return resolve(beside);
  const commit = beside ?? (await readFile(join(root, "load-tests", "baseline.txt"), "utf8")).trim();
  try {
    return builtCopy(String(commit));
  } catch (error) {
    throw new BenchError(error instanceof Error ? error.message : String(error));
  }
}

/** Uses that build's own code, because settings, models and payment fields change between versions. */
async function startBuild(name: string, context: BenchContext): Promise<Build> {
  const load = (path: string) => import(pathToFileURL(join(context.root, path)).href);
  const { prepareWorld }: typeof prepareWorldModule = await load(join(E2E, "world", "prepare-world.js"));
  const { startBenchSystem }: typeof startSystem = await load(START_SYSTEM);
  const { streamOn, waitSecondsOf }: typeof benchLoad = await load(join(E2E, "bench-load.js"));
  const world = await prepareWorld(context, context.flags.short === true);
  const system = await startBenchSystem(context, world);
  return { name, system, stream: streamOn(system, world, waitSecondsOf(context)) };
}
