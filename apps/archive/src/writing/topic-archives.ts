import { TriplineError } from "@tripline/contracts/error-table";
import type { KafkaAdmin, OwnPositions, RecordBatch } from "@tripline/kafka/port";
import type { LakeTable } from "@tripline/lake/lake-tables";
import { LAKE_TABLES } from "@tripline/lake/lake-tables";
import type { LakeDisk } from "@tripline/lake/log/lake-disk";
import { TopicLog } from "@tripline/lake/log/topic-log";
import type { Logger } from "@tripline/telemetry/logger";
import type { ArchiveMetrics } from "../archive-metrics.js";
import type { StagedWriter } from "./staged-writer.js";
import type { FlushLimits, Writing } from "./topic-archive.js";
import { TopicArchive } from "./topic-archive.js";

/** The consumer group that shows the archive's lag. The resume position comes only from the lake. */
export const ARCHIVE_GROUP = "archive";

export const ARCHIVED_TOPICS: readonly string[] = Object.values(LAKE_TABLES).map(({ topic }) => topic.name);

export interface TopicArchivesOptions {
  readonly disk: LakeDisk;
  readonly lake: string;
  readonly topicPrefix: string;
  readonly limits: FlushLimits;
  readonly admin: Pick<KafkaAdmin, "clusterId" | "endOffsets">;
  readonly writer: StagedWriter;
  readonly metrics: ArchiveMetrics;
  readonly logger: Logger;
  commit(topic: string, partition: number, offset: number): void;
}

/** The archives of all topics, which are independent of each other. */
export class TopicArchives implements OwnPositions {
  readonly #archives: ReadonlyMap<string, TopicArchive>;

  constructor(options: TopicArchivesOptions) {
    const tables = Object.values(LAKE_TABLES);
    this.#archives = new Map(tables.map((table) => [table.topic.name, openArchive(table, options)]));
  }

  start(): void {
    for (const archive of this.#archives.values()) archive.start();
  }

  /** Throws the same errors as `TopicArchive.begin`. */
  begin(topic: string, partition: number): Promise<number> {
    return this.#of(topic).begin(partition);
  }

  /** Throws the same errors as `TopicArchive.handle`. */
  handle(batch: RecordBatch): Promise<void> {
    return this.#of(batch.topic).handle(batch);
  }

  deadLettered(topic: string, partition: number, offset: number): void {
    this.#of(topic).pass(partition, offset);
  }

  /** @throws TriplineError that explains why some topic cannot currently be archived */
  check(): void {
    for (const archive of this.#archives.values()) archive.check();
  }

  get writing(): readonly Writing[] {
    return [...this.#archives.values()].map((archive) => archive.writing);
  }

  /** Total size of all buffers. */
  get held(): { readonly rows: number; readonly oldestAgeMs: number } {
    const held = [...this.#archives.values()].map((archive) => archive.held);
    return {
      rows: held.reduce((sum, { rows }) => sum + rows, 0),
      oldestAgeMs: Math.max(...held.map(({ oldestAgeMs }) => oldestAgeMs)),
    };
  }

  /** Flushes all buffers once, and accepts no more records. */
  async close(): Promise<void> {
    await Promise.all([...this.#archives.values()].map((archive) => archive.close()));
  }

  #of(topic: string): TopicArchive {
    const archive = this.#archives.get(topic);
    if (archive === undefined) throw new TriplineError("config-invalid", `The topic ${topic} is not archived.`);
    return archive;
  }
}

function openArchive(table: LakeTable, options: TopicArchivesOptions): TopicArchive {
  const { disk, lake, topicPrefix, limits, admin, writer, metrics, logger, commit } = options;
  const topic = table.topic.name;
  return new TopicArchive({
    table,
    limits,
    writer,
    metrics,
    logger,
    async openLog() {
      const source = { cluster: await admin.clusterId(), topic: topicPrefix + topic };
      return new TopicLog({ disk, lake, topic, source });
    },
    endOffsets: () => admin.endOffsets(topic),
    commit: (partition, offset) => commit(topic, partition, offset),
  });
}
