import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { identifyProcess } from "../processes/identify-process.js";

const WAIT_MS_MAX = 10_000;
const POLL_MS = 20;

/**
 * Waits until the helper processes of a killed Postgres have ended, and then removes the lock file of a postmaster that
 * is dead but not yet reaped, because Postgres itself treats such a zombie as a running server and refuses to start.
 */
export async function releaseDataFolder(dataFolder: string): Promise<void> {
  const deadlineMs = Date.now() + WAIT_MS_MAX;
  while (processesIn(dataFolder).length > 0) {
    if (Date.now() > deadlineMs) {
      const pids = processesIn(dataFolder).join(", ");
      throw new TriplineError(
        "internal",
        `Another Postgres is using ${dataFolder} (process ${pids}). Stop it and try again.`,
      );
    }
    await delay(POLL_MS);
  }
  const lockFile = `${dataFolder}/postmaster.pid`;
  const pid = pidIn(lockFile);
  if (pid !== undefined && isZombie(pid)) rmSync(lockFile, { force: true });
}

/**
 * Every Postgres process has its data folder as working directory. This works only on Linux; elsewhere, Postgres' own
 * check must suffice.
 */
function processesIn(folder: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && workingFolderOf(pid) === folder && identifyProcess(pid) !== undefined);
}

function workingFolderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function pidIn(lockFile: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(lockFile, "utf8"), 10);
  } catch {
    return undefined;
  }
}

function isZombie(pid: number): boolean {
  if (identifyProcess(pid) !== undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
