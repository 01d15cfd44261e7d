import { Inject, Injectable } from "@nestjs/common";
import { featureSources } from "@tripline/contracts/features/feature-sources";
import { appliedKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import type { FeaturesConfig } from "../config.js";
import { FEATURES_CONFIG } from "../config.js";
import { FEATURE_ENGINE } from "../features.tokens.js";
import { GapReader } from "./gap-reader.js";
import { FEATURES_GROUP } from "./state-completeness.js";
import type { CommittedOffset } from "./state-store.js";

/**
 * The offsets that the instances have committed to Kafka. An instance commits an offset only after it has written the
 * states of the records before it. Therefore, a Redis with an earlier applied offset has lost writes.
 */
@Injectable()
export class CommittedOffsets {
  constructor(
    @Inject(KAFKA_ADMIN) private readonly admin: Pick<KafkaAdmin, "clusterId" | "committedOffsets">,
    @Inject(GapReader) private readonly gaps: Pick<GapReader, "hasEvents">,
    @Inject(FEATURE_ENGINE) private readonly engine: Pick<FeatureEngine, "spec">,
    @Inject(FEATURES_CONFIG) private readonly config: Pick<FeaturesConfig, "KAFKA_TOPIC_PREFIX">,
  ) {}

  /**
   * Returns each partition's committed offset, by the Redis key of the partition's applied batch.
   *
   * @throws TriplineError `kafka-unavailable` within 10 s
   */
  async byKey(): Promise<ReadonlyMap<string, CommittedOffset>> {
    const { admin, gaps, config } = this;
    const topics = featureSources(this.engine.spec).map((source) => TOPICS[source].name);
    const [cluster, ...committed] = await Promise.all([
      admin.clusterId(),
      ...topics.map((topic) => admin.committedOffsets(FEATURES_GROUP, topic)),
    ]);
    const found = new Map<string, CommittedOffset>();
    for (const [index, topic] of topics.entries()) {
      for (const [partition, next] of committed[index] ?? []) {
        found.set(appliedKey(cluster, config.KAFKA_TOPIC_PREFIX + topic, partition), {
          next,
          isCountedFrom: (from) => gaps.hasEvents(topic, partition, { from, to: next }),
        });
      }
    }
    return found;
  }
}
