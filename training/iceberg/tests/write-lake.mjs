// Writes a lake with the archive service's code until standard input ends: an entry of 20 records every 60 ms, and a
// compaction of all days after every sixteenth entry. Prints the final position.
//   node write-lake.mjs <lake>
import { setTimeout as delay } from "node:timers/promises";
import { Erasure } from "../../../packages/contracts/dist/generated/tripline/events/v1/events.js";
import { compactLake } from "../../../packages/lake/dist/compact/compact-lake.js";
import { MERGE_LIMITS } from "../../../packages/lake/dist/compact/plan-merge.js";
import { openDisk } from "../../../packages/lake/dist/log/open-disk.js";
import { TestArchive } from "../../../packages/lake/dist/testing/archive.js";

const [lake = ""] = process.argv.slice(2);
const TOPIC = "erasures";
const RECORDS = 20;
const BEGAN_MS = Date.UTC(2026, 2, 1);
const DAY_MS = 86_400_000;
const PAUSE_MS = 60;
const ENTRIES_MAX = 2_000;

const archive = new TestArchive(lake, { cluster: "c", topicPrefix: "" });
const disk = await openDisk(lake);
const limits = { ...MERGE_LIMITS, filesMin: 2 };
let isOver = false;
process.stdin.on("end", () => (isOver = true)).resume();
let entry = 0;
for (; !isOver && entry < ENTRIES_MAX; entry += 1) {
  const records = Array.from({ length: RECORDS }, (_, index) => {
    const offset = entry * RECORDS + index;
    const erasedAtMs = BEGAN_MS + (offset % 3) * DAY_MS;
    const value = Erasure.encode({ tenant: "t", subject: `ct_${offset}`, erasedAtMs }).finish();
    return { partition: 0, offset, value };
  });
  await archive.append(TOPIC, records);
  if (entry % 16 === 15) {
    const { failure } = await compactLake({ disk, lake, limits, topics: [TOPIC], isWanted: () => true });
    if (failure !== null) throw new Error(failure);
  }
  await delay(PAUSE_MS);
}
process.stdout.write(`${entry * RECORDS}\n`);
