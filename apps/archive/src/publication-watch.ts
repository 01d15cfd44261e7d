import type { PublicationRun } from "@tripline/lake/publication-run";
import { gauge } from "@tripline/telemetry/metrics";
import { JobWatch } from "./job-watch.js";

const MS_PER_S = 1_000;
const MINUTE_S = 60;

/** Exports the result of the last publication of the lake as Iceberg tables, which another process runs. */
export class PublicationWatch extends JobWatch<PublicationRun | null> {
  /** @param read returns the last result; null if none has run */
  constructor(read: () => Promise<PublicationRun | null>) {
    super(null, read);
  }

  protected register(): readonly (() => void)[] {
    return [
      gauge(
        "tripline_archive_publication_age_seconds",
        { description: "Time since the lake was last published as Iceberg tables; 0 if it never was" },
        () => (this.facts === null ? 0 : (Date.now() - Date.parse(this.facts.ended_at)) / MS_PER_S),
      ),
      gauge(
        "tripline_archive_publication_interval_seconds",
        { description: "Time between publications of the lake; 0 if they are not repeated" },
        () => (this.facts?.interval_minutes ?? 0) * MINUTE_S,
      ),
      gauge(
        "tripline_archive_publication_failed",
        { description: "1 if the last publication could not update a table, otherwise 0" },
        () => Number((this.facts?.failure ?? null) !== null),
      ),
    ];
  }

  get report(): PublicationRun | null {
    return this.facts;
  }
}
