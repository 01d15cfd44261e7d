import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { appliedKey } from "@tripline/contracts/redis-keys";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import type { FeaturesConfig } from "../config.js";
import { FEATURES_CONFIG } from "../config.js";
import { appliedOffset } from "./applied-batch.js";
import { StateStore } from "./state-store.js";

/** Redis keys under which the partitions' applied batches are stored. */
@Injectable()
export class PartitionKeys {
  /** Checked partitions. Bounded by the number of partitions of the topics. */
  readonly #checked = new Map<string, Promise<string>>();
  readonly #answered = new Set<string>();
  /** Stored offsets by partition key, for the partitions that end at or before their stored offset. */
  readonly #conflicts = new Map<string, number>();

  constructor(
    @Inject(KAFKA_ADMIN) private readonly admin: Pick<KafkaAdmin, "clusterId" | "endOffsets">,
    @Inject(StateStore) private readonly store: Pick<StateStore, "readAppliedHead">,
    @Inject(FEATURES_CONFIG) private readonly config: Pick<FeaturesConfig, "KAFKA_TOPIC_PREFIX">,
  ) {}

  /**
   * Asks Kafka once per partition.
   *
   * @throws TriplineError `kafka-unavailable`, `redis-unavailable`, `state-unreadable`; `state-conflict` if the stored
   *   offset is beyond the partition's end
   */
  keyOf(topic: string, partition: number): Promise<string> {
    const name = `${topic}/${partition}`;
    const known = this.#checked.get(name);
    if (known !== undefined) return known;
    const checking = this.#check(topic, partition);
    this.#checked.set(name, checking);
    checking.catch(() => this.#checked.delete(name));
    return checking;
  }

  /** Whether `keyOf` resolves without a request to Kafka. */
  isChecked(topic: string, partition: number): boolean {
    return this.#answered.has(`${topic}/${partition}`);
  }

  /**
   * For records that seem to be redelivered: if a topic is recreated while its consumer runs, it starts again at
   * offsets that were already counted. Asks Kafka on every call, which takes as long as the topic's slowest broker
   * needs to respond, so the caller must not lock anything that other partitions need.
   *
   * @throws the same errors as `keyOf`; a conflict is thrown until the stored offset changes or is deleted
   */
  async requireHeld(topic: string, partition: number): Promise<void> {
    await this.#require(await this.keyOf(topic, partition), topic, partition);
  }

  async #check(topic: string, partition: number): Promise<string> {
    const { admin, config } = this;
    const key = appliedKey(await admin.clusterId(), config.KAFKA_TOPIC_PREFIX + topic, partition);
    await this.#require(key, topic, partition);
    this.#answered.add(`${topic}/${partition}`);
    return key;
  }

  async #require(key: string, topic: string, partition: number): Promise<void> {
    const { admin, store, config } = this;
    // The order matters: everything already counted must have reached the partition before its end offset is read.
    const counted = appliedOffset(await store.readAppliedHead(key));
    const end = (await admin.endOffsets(topic)).get(partition) ?? 0;
    if (counted >= end) this.#conflicts.set(key, counted);
    // If a recreated partition grows beyond the counted offset, it is still not the old partition.
    if (this.#conflicts.get(key) !== counted) return;
    // Otherwise, new records would be mistaken for counted ones and lost.
    throw new TriplineError(
      "state-conflict",
      `Partition ${partition} of ${config.KAFKA_TOPIC_PREFIX}${topic} ends at offset ${end}, but the stored progress is offset ` +
        `${counted}. If the topic was deleted and recreated, delete the Redis key ${key}.`,
    );
  }
}
