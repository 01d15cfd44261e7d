import { join } from "node:path";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { runJob } from "@tripline/lake/run-job";
import type { SnapshotRun } from "@tripline/lake/snapshot/snapshot-run";
import { noteSnapshotRun, readSnapshotRun } from "@tripline/lake/snapshot/snapshot-run";
import { heapMib } from "./slices-for.js";

const PROGRAM = join(import.meta.dirname, "main.js");
/** Prefix of the temporary folders of the process. */
export const SCRATCH = "tripline-snapshots";
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
 * Takes a snapshot in a separate process, which stores its result in the lake. If the process dies first, for example
 * because it exceeds the memory limit, this function stores the failure.
 *
 * @param signal ends the process. An unfinished snapshot is not used, and a later run removes it.
 * @throws TriplineError `lake-unavailable`
 */
export async function runSnapshot(options: RunSnapshotOptions, signal: AbortSignal): Promise<SnapshotRun> {
  const { disk, lake, memoryGib, environment, program = PROGRAM } = options;
  return runJob(
    {
      program,
      scratch: SCRATCH,
      heapMib: heapMib(memoryGib),
      timeoutMs: RUN_MS_MAX,
      endSignal: "SIGTERM",
      start: (scratch) => ({ env: { ...environment, TMPDIR: scratch, EXIT_WITH_PARENT: "1" } }),
      read: () => readSnapshotRun(disk, lake),
      write: (run) => noteSnapshotRun(disk, lake, run),
      fail(how, ended) {
        const failure = `The process ended ${how} before it finished. Its log says why; it may need more memory (STATE_MEMORY_GIB).`;
        return { ...ended, states: 0, events: 0, failure };
      },
    },
    signal,
  );
}
