import type {
  BeforeApplicationShutdown,
  DynamicModule,
  OnApplicationBootstrap,
  OnApplicationShutdown,
} from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { readCompactionRun, readCompactionTimes } from "@tripline/lake/compact/compaction-run";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { readPublicationRun } from "@tripline/lake/publication-run";
import { newestSnapshotAtMs } from "@tripline/lake/snapshot/lake-snapshots";
import { readSnapshotRun } from "@tripline/lake/snapshot/snapshot-run";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { KafkaStrategy } from "@tripline/nest-kit/kafka/kafka.strategy";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { Readiness } from "@tripline/nest-kit/readiness";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { ArchiveController } from "./archive.controller.js";
import { ArchiveMetrics, observeHeld } from "./archive-metrics.js";
import { CompactionWatch } from "./compaction/compaction-watch.js";
import { CompactionWorker } from "./compaction/compaction-worker.js";
import { runCompaction } from "./compaction/run-compaction.js";
import type { ArchiveConfig } from "./config.js";
import { JobsController, READ_COMPACTION } from "./jobs.controller.js";
import { PublicationWatch } from "./publication-watch.js";
import { SnapshotWatch } from "./snapshot-watch.js";
import { StagedWriter } from "./writing/staged-writer.js";
import { ARCHIVE_GROUP, TopicArchives } from "./writing/topic-archives.js";

/** Archives records from Kafka in the lake. */
@Module({})
export class ArchiveModule implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(TopicArchives) private readonly archives: TopicArchives,
    @Inject(StagedWriter) private readonly writer: StagedWriter,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(ArchiveMetrics) metrics: ArchiveMetrics,
    @Inject(SnapshotWatch) private readonly snapshots: SnapshotWatch,
    @Inject(PublicationWatch) private readonly publications: PublicationWatch,
    @Inject(CompactionWatch) private readonly compactionWatch: CompactionWatch,
    @Inject(CompactionWorker) private readonly compactions: CompactionWorker,
    @Inject(Readiness) readiness: Readiness,
  ) {
    readiness.add("lake", () => archives.check());
    readiness.addNote("missing_records", () => metrics.note);
    observeHeld(() => archives.held);
  }

  static forRoot(config: ArchiveConfig, disk: LakeDisk): DynamicModule {
    return {
      module: ArchiveModule,
      imports: [KafkaModule.forRoot(config, { clientId: "archive" })],
      controllers: [ArchiveController, JobsController],
      providers: [
        { provide: READ_COMPACTION, useValue: () => readCompactionRun(disk, config.LAKE_URL) },
        {
          provide: CompactionWatch,
          useFactory: () =>
            new CompactionWatch(config.COMPACTION_INTERVAL_MINUTES, () => readCompactionRun(disk, config.LAKE_URL)),
        },
        {
          provide: CompactionWorker,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            new CompactionWorker({
              logger,
              intervalMinutes: config.COMPACTION_INTERVAL_MINUTES,
              times: () => readCompactionTimes(disk, config.LAKE_URL),
              run: (signal) => runCompaction(disk, config.LAKE_URL, signal),
            }),
        },
        {
          provide: SnapshotWatch,
          useFactory: () =>
            new SnapshotWatch(config.SNAPSHOT_INTERVAL_HOURS, async () => ({
              takenAtMs: await newestSnapshotAtMs(disk, config.LAKE_URL),
              run: await readSnapshotRun(disk, config.LAKE_URL),
            })),
        },
        {
          provide: PublicationWatch,
          useFactory: () => new PublicationWatch(() => readPublicationRun(disk, config.LAKE_URL)),
        },
        ArchiveMetrics,
        { provide: StagedWriter, useFactory: () => StagedWriter.open(disk) },
        {
          provide: TopicArchives,
          inject: [KAFKA_ADMIN, KafkaStrategy, StagedWriter, ArchiveMetrics, LOGGER],
          useFactory: (
            admin: KafkaAdmin,
            kafka: KafkaStrategy,
            writer: StagedWriter,
            metrics: ArchiveMetrics,
            logger: Logger,
          ) =>
            new TopicArchives({
              disk,
              admin,
              writer,
              metrics,
              logger,
              lake: config.LAKE_URL,
              topicPrefix: config.KAFKA_TOPIC_PREFIX,
              limits: { rowsMax: config.FLUSH_ROWS_MAX, bytesMax: config.FLUSH_BYTES_MAX, ageMs: config.FLUSH_AGE_MS },
              commit: (topic, partition, offset) => kafka.commit(ARCHIVE_GROUP, topic, partition, offset),
            }),
        },
      ],
    };
  }

  onApplicationBootstrap(): void {
    this.archives.start();
    this.snapshots.start();
    this.publications.start();
    this.compactionWatch.start();
    this.compactions.start();
  }

  /** Runs before the consumer leaves its group, so that the final writes can still be committed. */
  async beforeApplicationShutdown(): Promise<void> {
    this.snapshots.stop();
    this.publications.stop();
    this.compactionWatch.stop();
    await closeWithin(this.logger, "compaction", () => this.compactions.stop());
    await closeWithin(this.logger, "lake", () => this.archives.close());
  }

  onApplicationShutdown(): void {
    this.writer.close();
  }
}
