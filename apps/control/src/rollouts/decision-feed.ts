import { randomUUID } from "node:crypto";
import type { OnModuleInit } from "@nestjs/common";
import { Decision, Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventConsumer, Kafka, KafkaAdmin, RecordBatch } from "@tripline/kafka/port";
import type { Logger } from "@tripline/service-kit/telemetry/logger";

/** Of each partition: what a new instance knows of the time before it. */
const RECORDS_BEFORE = 2_000;

export interface FeedListener {
  /** Nothing is decoded that nobody wants. */
  readonly wantsDecisions: boolean;
  readonly wantsLabels: boolean;
  decision(decision: Decision): void;
  label(label: Label): void;
}

/** What is decided, and the labels that arrive, for the guards. Each instance reads all of it, with a group of its own. */
export class DecisionFeed implements OnModuleInit {
  readonly #listeners: FeedListener[] = [];
  #consumer: EventConsumer | undefined;

  constructor(
    private readonly kafka: Kafka,
    private readonly admin: KafkaAdmin,
    private readonly logger: Logger,
  ) {}

  listen(listener: FeedListener): void {
    this.#listeners.push(listener);
  }

  async onModuleInit(): Promise<void> {
    this.#consumer = await this.kafka.consume({
      group: `control-guard-${randomUUID()}`,
      topics: [TOPICS.decisions.name, TOPICS.labels.name],
      positions: { begin: (topic, partition) => this.#begin(topic, partition), buried: () => {} },
      handle: async (batches) => {
        for (const batch of batches) this.#take(batch);
      },
      onStop: (error) => this.logger.fatal({ code: error.code }, `nothing is guarded any more: ${error.message}`),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#consumer?.close();
  }

  async #begin(topic: string, partition: number): Promise<number> {
    const [starts, ends] = await Promise.all([this.admin.startOffsets(topic), this.admin.endOffsets(topic)]);
    return Math.max(starts.get(partition) ?? 0, (ends.get(partition) ?? 0) - RECORDS_BEFORE);
  }

  #take({ topic, records }: RecordBatch): void {
    const isOfLabels = topic === TOPICS.labels.name;
    const wanting = this.#listeners.filter((one) => (isOfLabels ? one.wantsLabels : one.wantsDecisions));
    if (wanting.length === 0) return;
    for (const { value } of records) {
      try {
        if (isOfLabels) {
          const label = Label.decode(value);
          for (const one of wanting) one.label(label);
        } else {
          const decision = Decision.decode(value);
          for (const one of wanting) one.decision(decision);
        }
      } catch (error) {
        // The archive, which reads the same records, makes it a dead letter.
        this.logger.warn({ topic, err: error }, "a record cannot be read");
      }
    }
  }
}
