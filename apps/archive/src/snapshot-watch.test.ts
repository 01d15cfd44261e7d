import { writeMetrics } from "@tripline/telemetry/write-metrics";
import type { SnapshotFacts } from "./snapshot-watch.js";
import { SnapshotWatch } from "./snapshot-watch.js";

const HOUR_S = 3_600;
const run = { ended_at: "2026-03-01T12:00:00.000Z", took_ms: 4_200, states: 12, events: 3, failure: null };

async function measured(name: string): Promise<number> {
  const found = new RegExp(`^tripline_archive_snapshot_${name} (\\S+)$`, "m").exec(
    (await writeMetrics("text/plain")).body,
  );
  return Number(found?.[1]);
}

test("measures the newest snapshot and the last run, even while the lake is unavailable", async () => {
  let read = async (): Promise<SnapshotFacts> => ({ takenAtMs: undefined, run: null });
  const watch = new SnapshotWatch(6, () => read());
  watch.start();
  try {
    await watch.look();
    // Without a snapshot, the alert measures from the start of the service.
    expect(await measured("age_seconds")).toBeCloseTo(0, -1);
    expect(await measured("interval_seconds")).toBe(6 * HOUR_S);
    expect(watch.report).toEqual({ newest_at: null, interval_hours: 6, run: null });

    const takenAtMs = Date.now() - HOUR_S * 1_000;
    read = async () => ({ takenAtMs, run });
    await watch.look();
    expect(await measured("age_seconds")).toBeCloseTo(HOUR_S, -1);
    expect(await measured("duration_seconds")).toBe(4.2);
    expect(await measured("failed")).toBe(0);

    read = async () => ({ takenAtMs, run: { ...run, failure: "Redis has lost the window states." } });
    await watch.look();
    expect(await measured("failed")).toBe(1);

    read = async () => {
      throw new Error("unavailable");
    };
    await watch.look();
    expect(await measured("age_seconds")).toBeCloseTo(HOUR_S, -1);
    expect(watch.report).toMatchObject({
      newest_at: new Date(takenAtMs).toISOString(),
      run: { failure: "Redis has lost the window states." },
    });
  } finally {
    watch.stop();
  }
});
