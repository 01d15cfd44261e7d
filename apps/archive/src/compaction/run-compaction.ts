import { join } from "node:path";
import type { CompactionRun } from "@tripline/lake/compact/compaction-run";
import { noteCompactionRun, readCompactionRun } from "@tripline/lake/compact/compaction-run";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { runJob } from "@tripline/lake/run-job";

const PROGRAM = join(import.meta.dirname, "main.js");
/** Prefix of the folders for copies of the files of a merge. */
const SCRATCH = "tripline-compaction";
/** The rows are not on the heap but in DuckDB's memory, which has a separate limit. */
const HEAP_MIB = 128;
/** The program normally ends earlier. A merge that takes longer is considered hung. */
const RUN_MS_MAX = 3_600_000;

/**
 * Compacts the lake in a separate process, which yields the CPU to the service and stores its result in the lake. If
 * the process dies first, this function stores the failure.
 *
 * @param signal ends the process, at any point; the next run continues the work
 * @param program the compiled program (default: the one next to this file)
 * @throws TriplineError `lake-unavailable`
 */
export async function runCompaction(
  disk: LakeDisk,
  lake: string,
  signal: AbortSignal,
  program = PROGRAM,
): Promise<CompactionRun> {
  return runJob(
    {
      program,
      scratch: SCRATCH,
      heapMib: HEAP_MIB,
      timeoutMs: RUN_MS_MAX,
      endSignal: "SIGKILL",
      start: (scratch) => ({ args: [lake, scratch] }),
      read: () => readCompactionRun(disk, lake),
      write: (run) => noteCompactionRun(disk, lake, run),
      fail(how, ended, last) {
        const failure = `The process that compacts the lake ended ${how} before it finished. Its log says why; it may need more memory.`;
        return { ...ended, days: 0, files: 0, merged: 0, rows: 0, days_left: last?.days_left ?? 0, failure };
      },
    },
    signal,
  );
}
