import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { BenchError } from "../../harness/bench-error.js";

/** `sched:*` of the kernel, on the clock of `process.hrtime`. */
const RECORD = ["record", "--quiet", "--clockid=CLOCK_MONOTONIC", "--all-cpus"];
const EVENTS = ["sched:sched_switch", "sched:sched_wakeup", "sched:sched_wakeup_new"];
const SAY_FIELDS = ["--ns", "--fields", "tid,time,event,trace"];

/** @throws BenchError in one sentence where the kernel's scheduler cannot be watched */
export async function requirePerf(folder: string): Promise<void> {
  try {
    await recordSchedule(folder, async () => {});
  } catch {
    throw new BenchError(
      "timeline needs perf (package linux-perf) and the right to watch the scheduler: run it as root on Linux, or set kernel.perf_event_paranoid to -1.",
    );
  }
}

/** @returns the file with every switch and every wake of the machine while the work was done */
export async function recordSchedule(folder: string, work: () => Promise<void>): Promise<string> {
  const file = join(folder, "schedule.perf");
  // perf starts the command once it records, and ends with it: `cat` ends with its input.
  const command = ["sh", "-c", "echo; exec cat"];
  const events = EVENTS.flatMap((event) => ["--event", event]);
  const perf = spawn("perf", [...RECORD, ...events, "--output", file, ...command], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = once(perf, "close");
  await Promise.race([once(perf.stdout, "data"), ended.then(() => Promise.reject(new BenchError("perf ended.")))]);
  await work().finally(() => perf.stdin.end());
  const [code] = await ended;
  if (code !== 0) throw new BenchError(`perf record ended with ${code}.`);
  return file;
}

/** The lines of such a file. */
export function linesOf(file: string): AsyncIterable<string> {
  const script = spawn("perf", ["script", "--input", file, ...SAY_FIELDS], { stdio: ["ignore", "pipe", "ignore"] });
  return createInterface({ input: script.stdout });
}
