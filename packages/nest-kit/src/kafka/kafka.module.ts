import type { DynamicModule, OnApplicationShutdown, Provider } from "@nestjs/common";
import { Inject, Module, Optional } from "@nestjs/common";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer, Kafka, KafkaAdmin, ProducerOptions } from "@tripline/kafka/port";
import type { KafkaConfig } from "@tripline/settings/connection-config";
import { kafkaConnection } from "@tripline/settings/kafka-connection";
import type { Logger } from "@tripline/telemetry/logger";
import { closeWithin } from "../close-within.js";
import { LOGGER } from "../service.module.js";
import { KafkaStrategy } from "./kafka.strategy.js";
import { EVENT_PRODUCER, KAFKA, KAFKA_ADMIN } from "./kafka.tokens.js";
import { TableFollowerContext } from "./table-follower.js";

export interface KafkaModuleOptions {
  /** Appears in the brokers' logs and quotas. */
  readonly clientId: string;
  /** Only for a service that sends records. */
  readonly producer?: ProducerOptions;
}

/** Kafka connections. Kafka may be unavailable: admin, producer and consumers connect once it is available. */
@Module({})
export class KafkaModule implements OnApplicationShutdown {
  constructor(
    @Inject(KAFKA_ADMIN) private readonly admin: KafkaAdmin,
    @Inject(EVENT_PRODUCER) @Optional() private readonly producer: EventProducer | undefined,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws TriplineError `config-invalid` if a certificate cannot be read */
  static forRoot(config: KafkaConfig, { clientId, producer }: KafkaModuleOptions): DynamicModule {
    const connection = kafkaConnection(config);
    const connect = (logger: Logger) =>
      connectKafka({
        ...connection,
        clientId,
        log: (level, message, extra) => logger[level](extra, message),
      });
    const providers: Provider[] = [
      KafkaStrategy,
      TableFollowerContext,
      { provide: KAFKA, useFactory: connect, inject: [LOGGER] },
      { provide: KAFKA_ADMIN, useFactory: (kafka: Kafka) => kafka.admin(), inject: [KAFKA] },
    ];
    if (producer !== undefined) {
      providers.push({
        provide: EVENT_PRODUCER,
        useFactory: (kafka: Kafka) => kafka.producer(producer),
        inject: [KAFKA],
      });
    }
    return { module: KafkaModule, providers, exports: providers.map(tokenOf) };
  }

  /** Runs after the consumers, which Nest closes before its shutdown hooks. */
  async onApplicationShutdown(): Promise<void> {
    const { admin, producer, logger } = this;
    if (producer !== undefined) await closeWithin(logger, "producer", () => producer.close());
    await closeWithin(logger, "admin", () => admin.close());
  }
}

function tokenOf(provider: Provider) {
  return typeof provider === "function" ? provider : provider.provide;
}
