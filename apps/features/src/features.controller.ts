import { Controller, Inject } from "@nestjs/common";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { featureSources } from "@tripline/contracts/features/feature-sources";
import { TOPICS } from "@tripline/contracts/topics";
import type { Unfinished } from "@tripline/kafka/consumer/unfinished";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { BatchProcessor, RECORDS_TOGETHER_MAX, ROUNDS_MAX } from "./batches/batch-processor.js";
import { RebuildHold } from "./states/rebuild-hold.js";
import { FEATURES_GROUP } from "./states/state-completeness.js";

/** Consumes payments, labels and, if a feature uses them, payment updates from Kafka. */
@Controller()
export class FeaturesController {
  constructor(
    @Inject(RebuildHold) private readonly hold: RebuildHold,
    @Inject(BatchProcessor) private readonly processor: BatchProcessor,
  ) {}

  @KafkaBatches({
    group: FEATURES_GROUP,
    topics: featureSources(currentFeatureSpec()).map((source) => TOPICS[source].name),
    recordsTogetherMax: RECORDS_TOGETHER_MAX,
    roundsMax: ROUNDS_MAX,
  })
  async handle(batches: readonly RecordBatch[]): Promise<Unfinished> {
    await this.hold.passed();
    return this.processor.handle(batches);
  }
}
