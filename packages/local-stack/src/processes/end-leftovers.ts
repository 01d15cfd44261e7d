import { readdirSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { writeWhole } from "../write-whole.js";
import { identifyProcess, identifySelf, isAlive } from "./identify-process.js";

const identity = z.object({ pid: z.number().int().positive(), startedAt: z.string() });
const record = z.object({ child: identity, owner: identity });

const KILL_MS_MAX = 5_000;
const POLL_MS = 20;

const runFolder = (directory: string) => `${directory}/run`;
const recordFile = (directory: string, name: string) => `${runFolder(directory)}/${name}.json`;

/** Records that this process started `pid`, so that a later run can end that process if this run is killed. */
export function writeProcessRecord(directory: string, name: string, pid: number): void {
  const child = identifyProcess(pid);
  if (child === undefined) return;
  writeWhole(recordFile(directory, name), JSON.stringify({ child, owner: identifySelf() }));
}

export function removeProcessRecord(directory: string, name: string): void {
  rmSync(recordFile(directory, name), { force: true });
}

/**
 * Ends only the processes that an earlier run left behind in `directory`, that is, those that still have the recorded
 * start time. Throws if the run that owns them is still alive.
 *
 * @returns the pids of the ended processes
 */
export async function endLeftovers(directory: string): Promise<number[]> {
  const ended: number[] = [];
  for (const name of namesIn(directory)) {
    const found = readRecord(recordFile(directory, name));
    if (found !== undefined && isAlive(found.child)) {
      if (isAlive(found.owner)) {
        throw new TriplineError(
          "internal",
          `${directory} is in use by process ${found.owner.pid}, which runs ${name} there. Stop it first, or use another directory.`,
        );
      }
      await killAndWait(found.child);
      ended.push(found.child.pid);
    }
    removeProcessRecord(directory, name);
  }
  return ended;
}

async function killAndWait(child: z.infer<typeof identity>): Promise<void> {
  process.kill(child.pid, "SIGKILL");
  const deadlineMs = Date.now() + KILL_MS_MAX;
  while (isAlive(child)) {
    if (Date.now() > deadlineMs) {
      throw new TriplineError("internal", `Process ${child.pid} of an earlier run is still running. Stop it manually.`);
    }
    await delay(POLL_MS);
  }
}

function readRecord(file: string): z.infer<typeof record> | undefined {
  try {
    return record.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): string[] {
  try {
    const files = readdirSync(runFolder(directory));
    return files.filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -".json".length));
  } catch {
    return [];
  }
}
