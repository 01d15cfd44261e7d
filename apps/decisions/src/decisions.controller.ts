import { Controller, Inject } from "@nestjs/common";
import { TOPICS } from "@tripline/contracts/topics";
import type { Unfinished } from "@tripline/kafka/consumer/unfinished";
import type { RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import { DECISIONS_GROUP, PAYMENTS_TOGETHER_MAX, ROUNDS_MAX } from "./deciding/batch-decider.js";
import { CrashGuard } from "./deciding/crash-guard.js";

/** Consumes payments with their features from Kafka. */
@Controller()
export class DecisionsController {
  constructor(@Inject(CrashGuard) private readonly guard: CrashGuard) {}

  @KafkaBatches({
    group: DECISIONS_GROUP,
    topics: [TOPICS.features.name],
    recordsTogetherMax: PAYMENTS_TOGETHER_MAX,
    roundsMax: ROUNDS_MAX,
  })
  handle(batches: readonly RecordBatch[]): Promise<Unfinished> {
    return this.guard.handle(batches);
  }
}
