import { Controller, Inject } from "@nestjs/common";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { ARCHIVE_GROUP, ARCHIVED_TOPICS, TopicArchives } from "./writing/topic-archives.js";

/** Consumes all topics that are archived in the lake. */
@Controller()
export class ArchiveController {
  constructor(@Inject(TopicArchives) private readonly archives: TopicArchives) {}

  @KafkaBatches({ group: ARCHIVE_GROUP, topics: ARCHIVED_TOPICS, positions: TopicArchives })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    for (const batch of batches) await this.archives.handle(batch);
  }
}
