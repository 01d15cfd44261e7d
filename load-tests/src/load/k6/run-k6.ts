import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { BenchError } from "../../harness/bench-error.js";
import { processTreeCpu } from "../../harness/cpu-meter.js";
import type { K6 } from "./find-k6.js";

/** Load of the generator and the machine over about a second. */
export interface CpuSample {
  /** Time of the sample, in milliseconds since the epoch. */
  readonly atMs: number;
  /** Cores that k6 used; undefined if the system does not report it. */
  readonly k6Cores: number | undefined;
  /** Busy share of all cores, for all processes. */
  readonly machineBusy: number;
}

export interface Limit {
  readonly metric: string;
  readonly condition: string;
  readonly ok: boolean;
  /** The value of the condition's metric. */
  readonly value: number | undefined;
}

export interface K6Outcome {
  readonly iterations: number;
  readonly dropped: number;
  readonly limits: readonly Limit[];
  readonly cpu: readonly CpuSample[];
  /** Whether the user ended it early. */
  readonly wasInterrupted: boolean;
}

export interface K6Run {
  readonly k6: K6;
  readonly script: string;
  /** Folder for k6's output. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export const TRANSCRIPT_FILE = "transcript.log";
export const LOG_FILE = "k6.log";
const SUMMARY_FILE = "k6-summary.json";
const SAMPLE_MS = 1_000;
const STOP_MS_MAX = 90_000;
/** k6's exit codes: success, a threshold was crossed, ended by a signal. */
const EXIT_GOOD = 0;
const EXIT_LIMITS = 99;
const EXIT_SIGNAL = 105;

/** Runs the script. @throws BenchError if k6 fails; crossed thresholds are part of the outcome */
export async function runK6(run: K6Run): Promise<K6Outcome> {
  const log = openSync(join(run.folder, LOG_FILE), "w");
  const child = spawn(run.k6.path, argumentsOf(run), {
    env: { ...run.environment, TRIPLINE_TRANSCRIPT: "yes" },
    stdio: ["ignore", log, log],
    // Its own process group, so that Ctrl-C reaches it once, through this process.
    detached: true,
  });
  closeSync(log);
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  process.once("exit", kill);
  const exit = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? EXIT_SIGNAL));
  });
  const end = (): void => {
    child.kill("SIGINT");
    setTimeout(kill, STOP_MS_MAX).unref();
  };
  run.signal.addEventListener("abort", end);
  try {
    const [code, cpu] = await Promise.all([exit, sampleCpu(child.pid ?? 0, exit)]);
    if (![EXIT_GOOD, EXIT_LIMITS, EXIT_SIGNAL].includes(code)) throw new BenchError(await failureOf(run.folder, code));
    return { ...(await readSummary(run.folder)), cpu, wasInterrupted: run.signal.aborted };
  } finally {
    run.signal.removeEventListener("abort", end);
    process.off("exit", kill);
  }
}

function argumentsOf({ script, folder }: K6Run): string[] {
  return [
    ...["run", "--quiet", "--no-color", "--no-usage-report", "--log-format", "raw"],
    ...["--console-output", join(folder, TRANSCRIPT_FILE)],
    ...["--summary-export", join(folder, SUMMARY_FILE)],
    script,
  ];
}

async function sampleCpu(pid: number, exit: Promise<unknown>): Promise<CpuSample[]> {
  const samples: CpuSample[] = [];
  const meter = processTreeCpu("k6", pid);
  let isOver = false;
  const over = exit.finally(() => {
    isOver = true;
  });
  let before = { atMs: Date.now(), k6Ms: await meter.readMs().catch(() => undefined), machine: machineTimes() };
  while (!isOver) {
    await Promise.race([delay(SAMPLE_MS), over.catch(() => {})]);
    const now = { atMs: Date.now(), k6Ms: await meter.readMs().catch(() => undefined), machine: machineTimes() };
    const busy = (now.machine.busyMs - before.machine.busyMs) / (now.machine.allMs - before.machine.allMs || 1);
    const isKnown = now.k6Ms !== undefined && before.k6Ms !== undefined;
    const k6Cores = isKnown ? ((now.k6Ms ?? 0) - (before.k6Ms ?? 0)) / (now.atMs - before.atMs) : undefined;
    if (!isOver) samples.push({ atMs: now.atMs, k6Cores, machineBusy: busy });
    before = now;
  }
  return samples;
}

function machineTimes(): { busyMs: number; allMs: number } {
  let busyMs = 0;
  let allMs = 0;
  for (const { times } of cpus()) {
    const { user, nice, sys, idle, irq } = times;
    busyMs += user + nice + sys + irq;
    allMs += user + nice + sys + irq + idle;
  }
  return { busyMs, allMs };
}

export const CORES = availableParallelism();

const metric = z.looseObject({ thresholds: z.record(z.string(), z.boolean()).optional() });
const summary = z.object({ metrics: z.record(z.string(), metric) });

/** k6's summary of the whole run. In it, true means that the threshold was crossed. */
async function readSummary(folder: string): Promise<Pick<K6Outcome, "dropped" | "iterations" | "limits">> {
  const { metrics } = summary.parse(JSON.parse(await readFile(join(folder, SUMMARY_FILE), "utf8")));
  const limits = Object.entries(metrics).flatMap(([name, values]) =>
    Object.entries(values.thresholds ?? {}).map(([condition, isCrossed]) => {
      const field = /^[a-z]+(\(\d+\))?/.exec(condition)?.[0] ?? "";
      const value = values[field === "rate" ? "value" : field];
      return { metric: name, condition, ok: !isCrossed, value: typeof value === "number" ? value : undefined };
    }),
  );
  const count = (name: string) => Number(metrics[name]?.count ?? 0);
  return { iterations: count("iterations"), dropped: count("dropped_iterations"), limits };
}

async function failureOf(folder: string, code: number): Promise<string> {
  const path = join(folder, LOG_FILE);
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line.trim() !== "");
  return `k6 could not run the scenario (exit code ${code}): ${lines.at(-1)?.trim() ?? "no output"}; see the log ${path}.`;
}
