import { Inject, Injectable } from "@nestjs/common";
import type { KafkaAdmin, OwnPositions, RecordBatch } from "@tripline/kafka/port";
import { KafkaStrategy } from "@tripline/nest-kit/kafka/kafka.strategy";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { Subscriptions } from "./subscriptions.js";

export const WEBHOOKS_GROUP = "control-webhooks";

/**
 * The consumer group's positions, which Kafka stores. By default, a new group would start at the oldest record and read
 * three months of decisions before it reached those that an endpoint may want.
 */
@Injectable()
export class WebhookPositions implements OwnPositions {
  constructor(
    @Inject(KAFKA_ADMIN) private readonly admin: Pick<KafkaAdmin, "committedOffsets" | "endOffsets">,
    @Inject(KafkaStrategy) private readonly kafka: Pick<KafkaStrategy, "commit">,
    @Inject(Subscriptions) private readonly subscriptions: Pick<Subscriptions, "read">,
  ) {}

  async begin(topic: string, partition: number, isMadeAnew: boolean): Promise<number> {
    if (isMadeAnew) return 0;
    const committed = (await this.admin.committedOffsets(WEBHOOKS_GROUP, topic)).get(partition);
    if (committed !== undefined) return committed;
    // The end must be read first: any endpoint not found afterwards is newer than all records before the end.
    const end = (await this.admin.endOffsets(topic)).get(partition) ?? 0;
    const start = (await this.subscriptions.read()).length === 0 ? end : 0;
    // Stored even if there is no record to handle, so that the next start finds the position.
    this.kafka.commit(WEBHOOKS_GROUP, topic, partition, start);
    return start;
  }

  /** Commits the positions after the handled records. */
  handled(batches: readonly RecordBatch[]): void {
    for (const { topic, partition, records } of batches) {
      const last = records.at(-1);
      if (last !== undefined) this.kafka.commit(WEBHOOKS_GROUP, topic, partition, last.offset + 1);
    }
  }

  deadLettered(topic: string, partition: number, offset: number): void {
    this.kafka.commit(WEBHOOKS_GROUP, topic, partition, offset + 1);
  }
}
