import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { identifySelf, isAlive } from "./identify-process.js";

const owner = z.object({ pid: z.number(), startedAt: z.string() });
const WAIT_MS_MAX = 10 * 60_000;
const POLL_MS = 100;

let locksTaken = 0;

/**
 * Runs `work` while no other process, and no other caller in this process, has the lock at `path`. Takes over the lock
 * of a dead owner. Waits at most ten minutes.
 */
export async function holdLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const deadlineMs = Date.now() + WAIT_MS_MAX;
  while (!tryLock(path)) {
    if (Date.now() > deadlineMs) {
      throw new TriplineError("internal", `Another process has locked ${path} for ten minutes. Stop it and try again.`);
    }
    await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryLock(path: string): boolean {
  locksTaken += 1;
  const unique = `${path}.${process.pid}.${locksTaken}`;
  removeIfAbandoned(path, `${unique}.old`);
  // A link appears together with its content, so no process can read a lock without an owner.
  writeFileSync(unique, JSON.stringify(identifySelf()));
  try {
    linkSync(unique, path);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(unique, { force: true });
  }
}

function removeIfAbandoned(path: string, aside: string): void {
  try {
    const seen = readFileSync(path, "utf8");
    if (isAlive(owner.parse(JSON.parse(seen)))) return;
    renameSync(path, aside);
    // Another process may have taken the lock between reading and renaming; in that case, its lock is restored.
    if (readFileSync(aside, "utf8") !== seen) linkSync(aside, path);
    rmSync(aside, { force: true });
  } catch {
    // No lock exists, or another process removed it first; in both cases, this process tries to take the lock.
  }
}
