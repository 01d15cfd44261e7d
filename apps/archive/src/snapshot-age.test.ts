import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { SnapshotAge } from "./snapshot-age.js";

const NAME = "tripline_archive_snapshot_age_seconds";

async function measured(): Promise<number> {
  const found = new RegExp(`^${NAME} (\\S+)$`, "m").exec((await writeMetrics("text/plain")).body);
  return Number(found?.[1]);
}

test("measures the age of the newest snapshot, even while the lake is unavailable", async () => {
  let read = async (): Promise<number | undefined> => undefined;
  const age = new SnapshotAge(() => read());
  age.start();
  try {
    await age.look();
    expect(await measured()).toBe(0);
    read = async () => Date.now() - 3_600_000;
    await age.look();
    expect(await measured()).toBeCloseTo(3_600, -1);
    read = async () => {
      throw new Error("unavailable");
    };
    await age.look();
    expect(await measured()).toBeCloseTo(3_600, -1);
  } finally {
    age.stop();
  }
});
