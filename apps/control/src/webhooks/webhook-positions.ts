import { Inject, Injectable } from "@nestjs/common";
import type { KafkaAdmin, OwnPositions, RecordBatch } from "@tripline/kafka/port";
import { KafkaStrategy } from "@tripline/nest-kit/kafka/kafka.strategy";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { Subscriptions } from "./subscriptions.js";

export const WEBHOOKS_GROUP = "control-webhooks";

/**
 * The positions of the consumer group, which Kafka stores. A new group would start at the oldest record, and read three months
 * of decisions before it reached those that an endpoint can want.
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
    // In this order: an endpoint that is not found was created later than the records before the end.
    const end = (await this.admin.endOffsets(topic)).get(partition) ?? 0;
    const start = (await this.subscriptions.read()).length === 0 ? end : 0;
    // Also without a record to handle, so that the next start finds it.
    this.kafka.commit(WEBHOOKS_GROUP, topic, partition, start);
    return start;
  }

  /** The records were handled. */
  handled(batches: readonly RecordBatch[]): void {
    for (const { topic, partition, records } of batches) {
      const last = records.at(-1);
      if (last !== undefined) this.kafka.commit(WEBHOOKS_GROUP, topic, partition, last.offset + 1);
    }
  }

  buried(topic: string, partition: number, offset: number): void {
    this.kafka.commit(WEBHOOKS_GROUP, topic, partition, offset + 1);
  }
}
