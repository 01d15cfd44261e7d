import { Controller, Get, Inject } from "@nestjs/common";
import type { CompactionRun } from "@tripline/lake/compact/compaction-run";
import type { PublicationRun } from "@tripline/lake/publication-run";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { PublicationWatch } from "./publication-watch.js";
import type { SnapshotReport } from "./snapshot-watch.js";
import { SnapshotWatch } from "./snapshot-watch.js";
import type { Writing } from "./writing/topic-archive.js";
import { TopicArchives } from "./writing/topic-archives.js";

export const READ_COMPACTION = Symbol("READ_COMPACTION");

/** Limits how often the lake is read, because it may be remote. */
const KEPT_MS = 5_000;

interface Jobs {
  readonly writing: readonly Writing[];
  readonly compaction: CompactionRun | null;
  readonly snapshots: SnapshotReport;
  /** Null if the lake was never published as Iceberg tables. */
  readonly publication: PublicationRun | null;
}

/** The writes of this process, and the last compaction, snapshot and publication of the lake, for the console. */
@OpenTo("other services")
@Controller("/jobs")
export class JobsController {
  #compaction: Promise<CompactionRun | null> = Promise.resolve(null);
  #keptUntilMs = 0;

  constructor(
    @Inject(TopicArchives) private readonly archives: Pick<TopicArchives, "writing">,
    @Inject(READ_COMPACTION) private readonly readCompaction: () => Promise<CompactionRun | null>,
    @Inject(SnapshotWatch) private readonly snapshots: Pick<SnapshotWatch, "report">,
    @Inject(PublicationWatch) private readonly publications: Pick<PublicationWatch, "report">,
  ) {}

  @Get()
  async list(): Promise<Jobs> {
    if (performance.now() > this.#keptUntilMs) {
      this.#keptUntilMs = performance.now() + KEPT_MS;
      // An unavailable lake is reported as a write failure.
      this.#compaction = this.readCompaction().catch(() => null);
    }
    const compaction = await this.#compaction;
    const { report: publication } = this.publications;
    return { writing: this.archives.writing, compaction, snapshots: this.snapshots.report, publication };
  }
}
