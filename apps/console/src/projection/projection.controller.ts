import { Controller, Inject } from "@nestjs/common";
import { TOPICS } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { projectBatches } from "./project-batches.js";
import { ProjectionStore } from "./projection-store.js";

/** The prefix of group names that the clouds' access rules allow. */
export const PROJECTION_GROUP = "console";

export const PROJECTED_TOPICS = [
  TOPICS.features,
  TOPICS.decisions,
  TOPICS.labels,
  TOPICS.paymentUpdates,
  TOPICS.fraudReports,
].map(({ name }) => name);

/** Writes the topics into Postgres. Offsets are committed after the transaction with their records. */
@Controller()
export class ProjectionController {
  constructor(@Inject(ProjectionStore) private readonly store: ProjectionStore) {}

  // One round at a time. The next one collects records while Postgres works; larger rounds are cheaper per record.
  @KafkaBatches({
    group: PROJECTION_GROUP,
    topics: PROJECTED_TOPICS,
    recordsPerBatchMax: 1_000,
    recordsTogetherMax: 4_000,
    roundsMax: 1,
  })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    await projectBatches(this.store, batches);
  }
}
