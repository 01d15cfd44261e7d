import { randomUUID } from "node:crypto";
import type { OnModuleInit } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { Decision, Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventConsumer, Kafka, KafkaAdmin, RecordBatch } from "@tripline/kafka/port";
import { KAFKA, KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";

/** Number of past records per partition that a new instance reads. */
const RECORDS_BEFORE = 2_000;

export interface FeedListener {
  /** Records that no listener wants are not decoded. */
  readonly wantsDecisions: boolean;
  readonly wantsLabels: boolean;
  /** Resolves when the listener is ready. Reading starts after that, so that it misses no history. */
  readonly ready?: Promise<void>;
  decision(decision: Decision): void;
  label(label: Label): void;
}

/** Decisions and labels for the guards. Each instance reads all of them with its own group. */
@Injectable()
export class DecisionFeed implements OnModuleInit {
  readonly #listeners: FeedListener[] = [];
  #consumer: EventConsumer | undefined;
  #isClosed = false;
  /** For each partition of the decisions, the end offset at the start of reading, until it is reached. */
  readonly #unread = new Map<number, number>();
  /** Partitions of the decisions for which reading has begun. */
  readonly #begun = new Set<number>();
  #partitions = Number.POSITIVE_INFINITY;

  constructor(
    @Inject(KAFKA) private readonly kafka: Kafka,
    @Inject(KAFKA_ADMIN) private readonly admin: KafkaAdmin,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  listen(listener: FeedListener): void {
    this.#listeners.push(listener);
  }

  /** Whether all decisions from before the start have been read, and new ones arrive. */
  get isCaughtUp(): boolean {
    return this.#begun.size >= this.#partitions && this.#unread.size === 0 && this.#consumer?.isHealthy() === true;
  }

  onModuleInit(): void {
    void this.#start().catch((error: unknown) => this.logger.fatal({ err: error }, "guards are disabled"));
  }

  async #start(): Promise<void> {
    await Promise.all(this.#listeners.map(({ ready }) => ready));
    if (this.#isClosed) return;
    this.#consumer = await this.kafka.consume({
      group: `control-guard-${randomUUID()}`,
      topics: [TOPICS.decisions.name, TOPICS.labels.name],
      positions: { begin: (topic, partition) => this.#begin(topic, partition), deadLettered: () => {} },
      handle: async (batches) => {
        for (const batch of batches) this.#take(batch);
      },
      onStop: (error) => this.logger.fatal({ code: error.code }, `guards have stopped: ${error.message}`),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isClosed = true;
    await this.#consumer?.close();
  }

  async #begin(topic: string, partition: number): Promise<number> {
    const [starts, ends] = await Promise.all([this.admin.startOffsets(topic), this.admin.endOffsets(topic)]);
    const end = ends.get(partition) ?? 0;
    const begin = Math.max(starts.get(partition) ?? 0, end - RECORDS_BEFORE);
    if (topic !== TOPICS.decisions.name) return begin;
    this.#partitions = ends.size;
    this.#begun.add(partition);
    if (begin < end) this.#unread.set(partition, end);
    return begin;
  }

  #take({ topic, partition, records }: RecordBatch): void {
    const last = records.at(-1)?.offset ?? -1;
    if (topic === TOPICS.decisions.name && last + 1 >= (this.#unread.get(partition) ?? 0))
      this.#unread.delete(partition);
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
        // The archive reads the same records and dead-letters this one.
        this.logger.warn({ topic, err: error }, "a record is unreadable");
      }
    }
  }
}
