import type { SnapshotRun } from "@tripline/lake/snapshot/snapshot-run";
import { gauge } from "@tripline/telemetry/metrics";
import { JobWatch } from "./job-watch.js";

const MS_PER_S = 1_000;
const HOUR_MS = 3_600_000;

/** The snapshot status in the lake. */
export interface SnapshotFacts {
  /** The time of the newest snapshot; undefined if there is none. */
  readonly takenAtMs: number | undefined;
  /** The last run; null if none has run. */
  readonly run: SnapshotRun | null;
}

/** The part of `GET /jobs` about snapshots. */
export interface SnapshotReport {
  readonly newest_at: string | null;
  /** 0 if no process takes snapshots at an interval. */
  readonly interval_hours: number;
  readonly run: SnapshotRun | null;
}

/**
 * Exports the age of the newest snapshot of the window states. Other processes take the snapshots and report in the
 * lake.
 */
export class SnapshotWatch extends JobWatch<SnapshotFacts> {
  constructor(
    private readonly intervalHours: number,
    read: () => Promise<SnapshotFacts>,
  ) {
    super({ takenAtMs: undefined, run: null }, read);
  }

  protected register(): readonly (() => void)[] {
    return [
      gauge(
        "tripline_archive_snapshot_age_seconds",
        {
          description:
            "Age of the newest snapshot of the window states in the lake; if there is none, time since startup",
        },
        () => (Date.now() - (this.facts.takenAtMs ?? this.startedAtMs)) / MS_PER_S,
      ),
      gauge(
        "tripline_archive_snapshot_interval_seconds",
        { description: "Configured time between snapshots of the window states; 0 if none are taken" },
        () => (this.intervalHours * HOUR_MS) / MS_PER_S,
      ),
      gauge(
        "tripline_archive_snapshot_duration_seconds",
        { description: "Duration of the last snapshot run; 0 before the first" },
        () => (this.facts.run?.took_ms ?? 0) / MS_PER_S,
      ),
      gauge(
        "tripline_archive_snapshot_failed",
        { description: "1 if the last run took no snapshot because of an error, otherwise 0" },
        () => Number((this.facts.run?.failure ?? null) !== null),
      ),
    ];
  }

  get report(): SnapshotReport {
    const { takenAtMs, run } = this.facts;
    const newest_at = takenAtMs === undefined ? null : new Date(takenAtMs).toISOString();
    return { newest_at, interval_hours: this.intervalHours, run };
  }
}
