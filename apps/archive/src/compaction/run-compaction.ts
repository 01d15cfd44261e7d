import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CompactionRun } from "@tripline/lake/compact/compaction-run";
import { noteCompactionRun, readCompactionRun } from "@tripline/lake/compact/compaction-run";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { makeOwnFolder } from "@tripline/lake/log/own-folder";

const PROGRAM = join(import.meta.dirname, "main.js");
/** Prefix of the folders for copies of the files of a merge. */
const SCRATCH = "tripline-compaction";
/** Rows are in DuckDB's memory, which has a limit of its own. */
const HEAP_MIB = 128;
/** The program should end earlier; a merge that takes longer will never end. */
const RUN_MS_MAX = 3_600_000;

/**
 * Compacts the lake in a separate process: its memory is limited, it yields the CPU to the service, and its failures do
 * not affect the service. The process stores its result in the lake. If it dies first, this function stores the
 * failure.
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
  const startedAtMs = Date.now();
  // The service may be killed without removing it.
  const scratch = await makeOwnFolder(tmpdir(), SCRATCH);
  try {
    // A listener that is added to an aborted signal is never called.
    signal.throwIfAborted();
    const heap = `--max-old-space-size=${HEAP_MIB}`;
    const child = spawn(process.execPath, ["--enable-source-maps", heap, program, lake, scratch], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    const ending = AbortSignal.any([signal, AbortSignal.timeout(RUN_MS_MAX)]);
    const end = () => child.kill("SIGKILL");
    ending.addEventListener("abort", end, { once: true });
    const [code, killedBy] = await once(child, "exit");
    ending.removeEventListener("abort", end);
    signal.throwIfAborted();
    const noted = await readCompactionRun(disk, lake);
    if (noted !== null && Date.parse(noted.ended_at) >= startedAtMs) return noted;
    const how = killedBy === null ? `with code ${code}` : `by ${killedBy}`;
    const failure = `The process that compacts the lake ended ${how} before it finished. Its log says why; it may need more memory.`;
    const ended = { ended_at: new Date().toISOString(), took_ms: Date.now() - startedAtMs };
    const run = { ...ended, days: 0, files: 0, merged: 0, rows: 0, days_left: noted?.days_left ?? 0, failure };
    await noteCompactionRun(disk, lake, run);
    return run;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
