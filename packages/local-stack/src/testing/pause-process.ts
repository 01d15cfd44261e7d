import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { statFields } from "../processes/stat-fields.js";

const PAUSE_MS_MAX = 60_000;
const POLL_MS = 5;

/**
 * Stops a process with SIGSTOP until it gets SIGCONT, and resolves once all of its threads have stopped. This can take
 * time, because the thread that receives the signal may have to wait for a CPU while the other threads continue and
 * respond.
 *
 * @throws TriplineError `deadline-exceeded` if a thread is still running after 10 s
 */
export async function pauseProcess(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  if (process.platform !== "linux") return;
  const deadline = Date.now() + PAUSE_MS_MAX;
  while (!threadStates(pid).every((state) => state === "T")) {
    if (Date.now() > deadline) throw new TriplineError("deadline-exceeded", `Process ${pid} is still running.`);
    await delay(POLL_MS);
  }
}

function threadStates(pid: number): (string | undefined)[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.map((thread) => statFields(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8"))[0]);
}
