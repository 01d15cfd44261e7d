import { Inject, Injectable } from "@nestjs/common";
import { ModuleRef } from "@nestjs/core";
import type { CustomTransportStrategy, MessageHandler } from "@nestjs/microservices";
import { Server } from "@nestjs/microservices";
import { Unfinished } from "@tripline/kafka/consumer/unfinished";
import type { EventConsumer, Kafka, OwnPositions, RecordBatch } from "@tripline/kafka/port";
import { consumerMetrics } from "@tripline/telemetry/consumer-metrics";
import type { Logger } from "@tripline/telemetry/logger";
import { isObservable, lastValueFrom } from "rxjs";
import { closeWithin } from "../close-within.js";
import { Readiness } from "../readiness.js";
import { LOGGER } from "../service.module.js";
import { consumerCheck } from "./check-consumer.js";
import { KAFKA } from "./kafka.tokens.js";
import type { KafkaBatchesOptions } from "./kafka-batches.decorator.js";
import { KAFKA_TRANSPORT } from "./kafka-batches.decorator.js";

/**
 * Nest's adapter for the consumers: calls the methods that `KafkaBatches` marks. packages/kafka implements retries,
 * dead letters, commits and the order within a partition.
 */
@Injectable()
export class KafkaStrategy extends Server implements CustomTransportStrategy {
  override readonly transportId = KAFKA_TRANSPORT;
  override readonly propagatesEventHandlerErrors = true;
  /** By group. */
  readonly #consumers = new Map<string, EventConsumer>();

  constructor(
    @Inject(KAFKA) private readonly kafka: Kafka,
    @Inject(LOGGER) private readonly log: Logger,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(ModuleRef) private readonly providers: ModuleRef,
  ) {
    super();
  }

  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      for (const [group, handler] of this.messageHandlers) this.#consumers.set(group, await this.#consume(handler));
      this.readiness.add("kafka", () => this.#check());
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** Like `EventConsumer.commit`; ignored for a group without a consumer in this process. */
  commit(group: string, topic: string, partition: number, offset: number): void {
    this.#consumers.get(group)?.commit(topic, partition, offset);
  }

  async close(): Promise<void> {
    const closing = [...this.#consumers].map(([group, consumer]) =>
      closeWithin(this.log, `consumer of ${group}`, () => consumer.close()),
    );
    await Promise.all(closing);
  }

  /** Does nothing: consumers have no events for listeners. */
  on(): void {}

  unwrap<T>(): T {
    throw new Error("Only packages/kafka may use a Kafka client.");
  }

  #consume(handler: MessageHandler): Promise<EventConsumer> {
    // Nest passes the decorator's options as `extras`.
    const { positions, ...options } = handler.extras as KafkaBatchesOptions;
    const { group } = options;
    return this.kafka.consume({
      ...options,
      ...(positions === undefined ? {} : { positions: this.providers.get<OwnPositions>(positions, { strict: false }) }),
      observer: consumerMetrics(group),
      handle: (batches) => handOver(handler, batches),
      onStop: (error) => this.log.fatal({ code: error.code }, `the consumer of ${group} has stopped: ${error.message}`),
    });
  }

  #check(): void {
    for (const [group, consumer] of this.#consumers) {
      consumerCheck(consumer, `The consumer of the group ${group} is not running.`)();
    }
  }
}

/** Nest returns a stream that fails if the handler throws; this rethrows the error. */
async function handOver(handler: MessageHandler, batches: readonly RecordBatch[]): Promise<Unfinished> {
  const result: unknown = await handler(batches);
  const value = isObservable(result) ? await lastValueFrom(result, { defaultValue: undefined }) : result;
  return value instanceof Unfinished ? value : new Unfinished(Promise.resolve());
}
