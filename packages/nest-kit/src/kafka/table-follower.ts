import type { OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FollowedTable, Kafka, TableChange } from "@tripline/kafka/port";
import type { Logger } from "@tripline/telemetry/logger";
import { Readiness } from "../readiness.js";
import { LOGGER } from "../service.module.js";
import { KAFKA } from "./kafka.tokens.js";

/** The dependencies of every `TableFollower`; `KafkaModule` provides them. */
@Injectable()
export class TableFollowerContext {
  constructor(
    @Inject(KAFKA) readonly kafka: Kafka,
    @Inject(Readiness) readonly readiness: Pick<Readiness, "add">,
    @Inject(LOGGER) readonly logger: Logger,
  ) {}
}

/**
 * A compacted topic as an in-memory table. While the topic is unavailable, the table remains unchanged, and the
 * instance is not ready.
 */
export abstract class TableFollower implements OnModuleInit, OnApplicationShutdown {
  #followed: FollowedTable | undefined;

  /**
   * @param service prefix of the consumer groups' names, which the clouds' access rules allow
   * @param topic compacted topic; also used as the name of the readiness check
   */
  protected constructor(
    private readonly service: string,
    private readonly topic: string,
    protected readonly context: TableFollowerContext,
  ) {}

  async onModuleInit(): Promise<void> {
    const { topic } = this;
    const { kafka, readiness, logger } = this.context;
    this.#followed = await kafka.follow({
      topic,
      group: `${this.service}-${topic}`,
      apply: (changes) => this.apply(changes),
      onStop: ({ code, message }) => logger.fatal({ code }, `the topic ${topic} is no longer consumed: ${message}`),
    });
    readiness.add(topic, () => {
      if (!this.isUsable()) throw new TriplineError("kafka-unavailable", `The topic ${topic} is not being consumed.`);
    });
  }

  /** Whether the instance may be ready with the current table. */
  protected isUsable(): boolean {
    return this.isFollowed();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#followed?.close();
  }

  /**
   * Resolves once all records that the topic had when this instance started have been applied.
   *
   * @throws TriplineError `shutting-down`
   */
  async ready(): Promise<void> {
    if (this.#followed === undefined)
      throw new TriplineError("internal", `The topic ${this.topic} is not being consumed yet.`);
    await this.#followed.ready;
  }

  protected isFollowed(): boolean {
    return this.#followed?.isHealthy() ?? false;
  }

  /** See `FollowOptions.apply`. */
  protected abstract apply(changes: readonly TableChange[]): void;
}
