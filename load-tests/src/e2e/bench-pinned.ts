import { execFile } from "node:child_process";
import { cpus } from "node:os";
import { promisify } from "node:util";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";
import { highestRate, loadContestant, ROUND_MS, SHORT_ROUND_MS, startWarm } from "./bench-load.js";
import type { BenchSystem } from "./system/read-services.js";

const ROUNDS = 3;
const SET_MS_MAX = 5_000;
/** So many payments that the machine is far from busy. */
const CALM_PER_S = 100;
/** The servers that Tripline does not bring along. */
const STORES = ["kafka", "valkey"];
const execute = promisify(execFile);

/** Latency where the machine is not the limit: what payments wait for when nobody takes the processor from those who work on them. */
export const pinnedPart: BenchPart = {
  name: "pinned",
  title:
    "latency where the machine is not the limit: Kafka, Valkey and generator on one core, Tripline on the others, in turns with all on all",
  onlyWhenNamed: true,
  line: ["calm_p50_ms", "calm_p99_ms", "calm_pinned_p50_ratio", "calm_pinned_p99_ratio", "tenth_pinned_p50_ratio"],
  check: requirePinning,
  run: runPinned,
};

async function requirePinning(): Promise<void> {
  if (cpus().length < 2) throw new BenchError("pinned needs a machine with two cores or more.");
  try {
    await execute("taskset", ["--cpu-list", "--pid", String(process.pid)], { timeout: SET_MS_MAX });
  } catch {
    throw new BenchError("pinned needs the command taskset (package util-linux), so it runs on Linux only.");
  }
}

async function runPinned(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const { system, stream } = await startWarm(context);
  context.defer(() => allowCores([process.pid], allCores()));
  const { ratePerSecond: highest, notes } = await highestRate(context, system, stream);
  const plan = { system, stream, durationMs: isShort ? SHORT_ROUND_MS : ROUND_MS };
  const rates = { calm: CALM_PER_S, "a tenth": highest / 10 };
  const contestants = Object.entries(rates).flatMap(([name, ratePerSecond]) => [
    placed(loadContestant({ ...plan, name, ratePerSecond }), () => shareCores(system)),
    placed(loadContestant({ ...plan, name: `${name}, pinned`, ratePerSecond }), () => divideCores(system)),
  ]);
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS });
  return {
    contestants: measured,
    summary: {
      calm_p50_ms: samplesOf(measured, "calm", "p50_ms"),
      calm_p99_ms: samplesOf(measured, "calm", "p99_ms"),
      calm_pinned_p50_ratio: ratioOf(measured, "p50_ms", "calm, pinned", "calm"),
      calm_pinned_p99_ratio: ratioOf(measured, "p99_ms", "calm, pinned", "calm"),
      tenth_pinned_p50_ratio: ratioOf(measured, "p50_ms", "a tenth, pinned", "a tenth"),
    },
    notes: [...notes, `calm: ${CALM_PER_S} payments a second.`],
  };
}

/** A contestant whose processes are put on their cores before each round. */
const placed = (contestant: Contestant, place: () => Promise<void>): Contestant => ({
  ...contestant,
  async prepare() {
    await contestant.prepare?.();
    await place();
  },
});

const shareCores = ({ pids }: BenchSystem): Promise<void> => allowCores([process.pid, ...pids.values()], allCores());

async function divideCores({ pids }: BenchSystem): Promise<void> {
  const entries = [...pids];
  const of = (isStore: boolean) => entries.filter(([name]) => STORES.includes(name) === isStore).map(([, pid]) => pid);
  await allowCores([process.pid, ...of(true)], "0");
  await allowCores(of(false), allCores(1));
}

const allCores = (first = 0): string => `${first}-${cpus().length - 1}`;

/** All threads of the processes may run on these cores only; threads that they start later, too. */
async function allowCores(pids: readonly number[], cores: string): Promise<void> {
  for (const pid of pids)
    await execute("taskset", ["--all-tasks", "--cpu-list", "--pid", cores, String(pid)], { timeout: SET_MS_MAX });
}
