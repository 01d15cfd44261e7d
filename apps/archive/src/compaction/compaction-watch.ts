import type { CompactionRun } from "@tripline/lake/compact/compaction-run";
import { gauge } from "@tripline/telemetry/metrics";

const LOOK_EVERY_MS = 60_000;
const MS_PER_S = 1_000;
const MINUTE_S = 60;

/** Exports the result of the lake's last compaction, which another instance or a command may have run. */
export class CompactionWatch {
  #run: CompactionRun | null = null;
  #startedAtMs = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #endReading: readonly (() => void)[] = [];

  /** @param read returns the result of the last compaction; null if none has run */
  constructor(
    private readonly intervalMinutes: number,
    private readonly read: () => Promise<CompactionRun | null>,
  ) {}

  start(): void {
    this.#startedAtMs = Date.now();
    this.#endReading = [
      gauge(
        "tripline_archive_compaction_days_left",
        { description: "Days of topics that had too many files after the last compaction of the lake" },
        () => this.#run?.days_left ?? 0,
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
        () => (this.#run?.took_ms ?? 0) / MS_PER_S,
      ),
      gauge(
        "tripline_archive_compaction_failed",
        { description: "1 if the last compaction of the lake could not merge the files of a day, otherwise 0" },
        () => Number((this.#run?.failure ?? null) !== null),
      ),
    ];
    void this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const end of this.#endReading) end();
  }

  /** While the lake is unavailable, keeps the last known result. Writes to the lake report the failure. */
  async look(): Promise<void> {
    this.#run = await this.read().catch(() => this.#run);
  }

  get #endedAtMs(): number {
    return this.#run === null ? this.#startedAtMs : Date.parse(this.#run.ended_at);
  }
}
