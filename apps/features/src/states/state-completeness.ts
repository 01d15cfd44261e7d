import { Inject, Injectable } from "@nestjs/common";
import { FEATURE_SOURCES } from "@tripline/contracts/features/feature-sources";
import { TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { LossReport } from "./loss-report.js";
import { StateStore } from "./state-store.js";

/** Consumer group of the service. */
export const FEATURES_GROUP = "features";

/**
 * Whether the stored states are complete. A mark in Redis is lost together with the states. A Redis that restarts empty
 * therefore has no mark, and features are flagged as incomplete until `tripline rebuild-state` or `tripline load-state`
 * restores the states and the mark.
 */
@Injectable()
export class StateCompleteness {
  /** If records were certainly counted but there is no mark, the mark was lost. */
  #hasBegun = false;

  constructor(
    @Inject(KAFKA_ADMIN) private readonly admin: Pick<KafkaAdmin, "committedOffsets">,
    @Inject(StateStore) private readonly store: Pick<StateStore, "markComplete" | "isMarkedComplete">,
    /** Receives the result of each check. */
    @Inject(LossReport) private readonly loss?: Pick<LossReport, "seen">,
  ) {}

  /**
   * Sets the mark if the service counts for the first time, because nothing can be missing then.
   *
   * @param isMarked whether the mark existed when the states were read
   * @returns whether the states are complete
   * @throws TriplineError `kafka-unavailable`, `redis-unavailable`
   */
  async check(isMarked: boolean): Promise<boolean> {
    const isComplete = await this.#check(isMarked);
    return this.loss?.seen(isComplete) ?? isComplete;
  }

  async #check(isMarked: boolean): Promise<boolean> {
    if (isMarked) {
      this.#hasBegun = true;
      return true;
    }
    this.#hasBegun ||= await this.#hasCommits();
    // An instance that starts sets the mark before its first commit. If there are commits, the mark may have been set
    // after the states were read; if it is still missing, it was lost.
    if (this.#hasBegun) return this.store.isMarkedComplete();
    await this.store.markComplete();
    this.#hasBegun = true;
    return true;
  }

  async #hasCommits(): Promise<boolean> {
    const { admin } = this;
    const topics = FEATURE_SOURCES.map((source) => TOPICS[source].name);
    const offsets = await Promise.all(topics.map((topic) => admin.committedOffsets(FEATURES_GROUP, topic)));
    return offsets.some((partitions) => partitions.size > 0);
  }
}
