import type { CompactionRun } from "@tripline/lake/compact/compaction-run";
import { gauge } from "@tripline/telemetry/metrics";
import { JobWatch } from "../job-watch.js";

const MS_PER_S = 1_000;
const MINUTE_S = 60;

/** Exports the result of the lake's last compaction, which another instance or a command may have run. */
export class CompactionWatch extends JobWatch<CompactionRun | null> {
  /** @param read returns the result of the last compaction; null if none has run */
  constructor(
    private readonly intervalMinutes: number,
    read: () => Promise<CompactionRun | null>,
  ) {
    super(null, read);
  }

  protected register(): readonly (() => void)[] {
    return [
      gauge(
        "tripline_archive_compaction_days_left",
        { description: "Days whose topics had too many files after the last compaction of the lake" },
        () => this.facts?.days_left ?? 0,
      ),
      gauge(
        "tripline_archive_compaction_age_seconds",
        { description: "Time since the end of the last compaction of the lake; if there was none, since startup" },
        () => (Date.now() - this.#endedAtMs) / MS_PER_S,
      ),
      gauge(
        "tripline_archive_compaction_interval_seconds",
        { description: "Configured time between compactions of the lake; 0 if they are switched off" },
        () => this.intervalMinutes * MINUTE_S,
      ),
      gauge(
        "tripline_archive_compaction_duration_seconds",
        { description: "Duration of the last compaction of the lake; 0 before the first" },
        () => (this.facts?.took_ms ?? 0) / MS_PER_S,
      ),
      gauge(
        "tripline_archive_compaction_failed",
        { description: "1 if the last compaction of the lake could not merge the files of a day, otherwise 0" },
        () => Number((this.facts?.failure ?? null) !== null),
      ),
    ];
  }

  get #endedAtMs(): number {
    return this.facts === null ? this.startedAtMs : Date.parse(this.facts.ended_at);
  }
}
