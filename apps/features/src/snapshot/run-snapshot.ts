import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { makeOwnFolder } from "@tripline/lake/log/own-folder";
import type { SnapshotRun } from "@tripline/lake/snapshot/snapshot-run";
import { noteSnapshotRun, readSnapshotRun } from "@tripline/lake/snapshot/snapshot-run";

const PROGRAM = join(import.meta.dirname, "main.js");
/** Prefix of the temporary folders of the process. */
export const SCRATCH = "tripline-snapshots";
/** Minimum heap, which Node needs even for few states. */
const HEAP_MIB_MIN = 192;
const MIB_PER_GIB = 1_024;
/** The first snapshot counts the whole lake. */
const RUN_MS_MAX = 24 * 3_600_000;

export interface RunSnapshotOptions {
  readonly disk: LakeDisk;
  readonly lake: string;
  /** Memory limit for the states, and for the heap of the process. */
  readonly memoryGib: number;
  readonly environment: NodeJS.ProcessEnv;
  /** The compiled program (default: the one next to this file). */
  readonly program?: string;
}

/**
 * Takes a snapshot in a separate process: its memory is limited, and is released afterwards. The process stores its
 * result in the lake. If it dies first, for example at the memory limit, this function stores the failure.
 *
 * @param signal ends the process. An unfinished snapshot is not used, and a later run removes it.
 * @throws TriplineError `lake-unavailable`
 */
export async function runSnapshot(options: RunSnapshotOptions, signal: AbortSignal): Promise<SnapshotRun> {
  const { disk, lake, memoryGib, environment, program = PROGRAM } = options;
  const startedAtMs = Date.now();
  // The process may die without removing its files.
  const scratch = await makeOwnFolder(tmpdir(), SCRATCH);
  try {
    // A listener that is added to an aborted signal is never called.
    signal.throwIfAborted();
    const heapMib = Math.max(HEAP_MIB_MIN, Math.round(memoryGib * MIB_PER_GIB));
    const child = spawn(process.execPath, ["--enable-source-maps", `--max-old-space-size=${heapMib}`, program], {
      env: { ...environment, TMPDIR: scratch, EXIT_WITH_PARENT: "1" },
      // Its lines are for a terminal; the worker logs the result.
      stdio: ["pipe", "ignore", "inherit"],
    });
    const ending = AbortSignal.any([signal, AbortSignal.timeout(RUN_MS_MAX)]);
    const end = () => child.kill("SIGTERM");
    ending.addEventListener("abort", end, { once: true });
    const [code, killedBy] = await once(child, "exit");
    ending.removeEventListener("abort", end);
    signal.throwIfAborted();
    const noted = await readSnapshotRun(disk, lake);
    if (noted !== null && Date.parse(noted.ended_at) >= startedAtMs) return noted;
    const how = killedBy === null ? `with code ${code}` : `by ${killedBy}`;
    const failure = `The process ended ${how} before it finished. Its log says why; it may need more memory (STATE_MEMORY_GIB).`;
    const ended = { ended_at: new Date().toISOString(), took_ms: Date.now() - startedAtMs };
    const run: SnapshotRun = { ...ended, states: 0, events: 0, failure };
    await noteSnapshotRun(disk, lake, run);
    return run;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
