import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeJobNote } from "@tripline/lake/job-note";
import { openDisk } from "@tripline/lake/log/open-disk";
import { readPublicationRun } from "@tripline/lake/publication-run";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { PublicationWatch } from "./publication-watch.js";

const run = { took_ms: 900, interval_minutes: 5, tables: 3, files: 7, failure: null };

async function measured(): Promise<number[]> {
  const { body } = await writeMetrics("text/plain");
  return ["age_seconds", "interval_seconds", "failed"].map((name) =>
    Number(new RegExp(`^tripline_archive_publication_${name} (\\S+)$`, "m").exec(body)?.[1]),
  );
}

test("the last publication in the lake is measured and reported", async () => {
  const lake = await mkdtemp(join(tmpdir(), "tripline-publication-test-"));
  const disk = await openDisk(lake);
  const watch = new PublicationWatch(() => readPublicationRun(disk, lake));
  watch.start();
  try {
    await watch.look();
    expect(await measured()).toEqual([0, 0, 0]);
    expect(watch.report).toBeNull();

    const failed = {
      ...run,
      ended_at: new Date(Date.now() - 600_000).toISOString(),
      failure: "The catalog is unavailable.",
    };
    await writeJobNote(disk, lake, "publication", failed);
    await watch.look();
    expect(await measured()).toEqual([expect.closeTo(600, -1), 300, 1]);
    expect(watch.report).toEqual(failed);
  } finally {
    watch.stop();
    await rm(lake, { recursive: true });
  }
});
