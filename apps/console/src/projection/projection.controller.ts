import { Controller, Inject } from "@nestjs/common";
import { TOPICS } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { projectBatches } from "./project-batches.js";
import { ProjectionStore } from "./projection-store.js";

/** Also the beginning of the names that access rules of the clouds allow. */
export const PROJECTION_GROUP = "console";

export const PROJECTED_TOPICS = [TOPICS.features, TOPICS.decisions, TOPICS.labels, TOPICS.paymentUpdates].map(
  ({ name }) => name,
);

/** Writes the topics into Postgres. An offset is committed after the transaction of its record. */
@Controller()
export class ProjectionController {
  constructor(@Inject(ProjectionStore) private readonly store: ProjectionStore) {}

  // One round at a time: the next one fills up while Postgres works, and is the larger and cheaper for it.
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
