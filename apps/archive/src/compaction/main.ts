import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { asTriplineError } from "@tripline/contracts/error-table";
import { isDueDay } from "@tripline/lake/compact/closed-days";
import type { Compaction } from "@tripline/lake/compact/compact-lake";
import { compactLake } from "@tripline/lake/compact/compact-lake";
import { noteCompactionRun, noteCompactionStart } from "@tripline/lake/compact/compaction-run";
import { MERGE_LIMITS } from "@tripline/lake/compact/plan-merge";
import { openDisk } from "@tripline/lake/log/open-disk";

/**
 * `main.js <lake> <folder for copies>` compacts the days of the lake that are due, once. The archive service starts it
 * at an interval; operators use `tripline lake compact`.
 */

/** Time limit of a run. The next run continues the work. */
const RUN_MS_MAX = 20 * 60_000;
/** For copies of the files in a merge, if the lake is in an object store. */
const CACHE_GIB = "0.6";
const EMPTY: Compaction = { days: 0, files: 0, merged: 0, rows: 0, daysLeft: 0, failure: null };

const [lake = "", folder = ""] = process.argv.slice(2);

// The service holds the other end of this pipe: if the service is killed, this process ends as well.
process.stdin
  .resume()
  .once("end", () => process.exit(1))
  .unref();
setPriority(constants.priority.PRIORITY_LOW);
process.env.TMPDIR = folder;

const startedAtMs = Date.now();
const cache = { LAKE_CACHE_DIRECTORY: join(folder, "cache"), LAKE_CACHE_GIB: CACHE_GIB };
try {
  const disk = await openDisk(lake, { ...process.env, ...cache });
  await noteCompactionStart(disk, lake);
  const { daysLeft, ...result } = await compactLake({
    disk,
    lake,
    limits: MERGE_LIMITS,
    isWanted: (day) => isDueDay(day, startedAtMs),
    isOver: () => Date.now() > startedAtMs + RUN_MS_MAX,
  }).catch((thrown: unknown) => {
    const { code, message } = asTriplineError(thrown);
    return { ...EMPTY, failure: code === "not-found" ? null : message };
  });
  const ended = { ended_at: new Date().toISOString(), took_ms: Date.now() - startedAtMs };
  await noteCompactionRun(disk, lake, { ...ended, ...result, days_left: daysLeft });
  process.exit(0);
} catch (thrown) {
  process.stderr.write(`${asTriplineError(thrown).message}\n`);
  process.exit(1);
}
