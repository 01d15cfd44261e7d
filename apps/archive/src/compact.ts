import { asTriplineError } from "@tripline/contracts/error-table";
import { topicFolder } from "@tripline/lake/lake-layout";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { openDisk } from "@tripline/lake/log/open-disk";
import { noteCompaction } from "./compaction-note.js";
import { compactDay } from "./writing/compact-day.js";

/**
 * `node apps/archive/dist/compact.js <lake> <topic> <day>` merges the files of one day of a topic into one. The result
 * is stored in the lake for the console's Health screen.
 */

const EXIT_USAGE = 64;
const [lake, topic, day, ...rest] = process.argv.slice(2);

if (lake === undefined || topic === undefined || day === undefined || rest.length > 0) {
  process.stderr.write(
    "Give a lake's folder or URL, a topic and a day: compact.js .tripline/lake features 2024-02-29\n",
  );
  process.exit(EXIT_USAGE);
}
const startedAtMs = performance.now();
let disk: LakeDisk | undefined;
try {
  disk = await openDisk(lake);
  const { files, rows } = await compactDay(lake, topic, day, disk);
  await note({ files, rows, failure: null });
  process.stdout.write(
    files < 2 ? `compact: files=${files} nothing to do\n` : `compact: files=${files} rows=${rows}\n`,
  );
} catch (thrown) {
  const { message } = asTriplineError(thrown);
  await note({ files: 0, rows: 0, failure: message }).catch(() => {});
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** Nothing is left in a folder that is not a lake of that topic. */
async function note(facts: { readonly files: number; readonly rows: number; readonly failure: string | null }) {
  if (disk === undefined || lake === undefined || topic === undefined || day === undefined) return;
  if ((await disk.list(topicFolder(lake, topic))).length === 0) return;
  const took_ms = Math.round(performance.now() - startedAtMs);
  await noteCompaction(disk, lake, { topic, day, ended_at: new Date().toISOString(), took_ms, ...facts });
}
