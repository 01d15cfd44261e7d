import { TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";
import type { StateStore } from "./state-store.js";

/** Consumer group of the service. */
export const FEATURES_GROUP = "features";

/**
 * Whether the stored states hold all that took place. Redis keeps a mark of that beside them, so that both are lost
 * together: a Redis that comes back empty has no mark, and features are flagged as incomplete until `tripline
 * rebuild-state` or `tripline load-state` has put the states back and set the mark again.
 */
export class StateCompleteness {
  #isNew: boolean | undefined;

  constructor(
    private readonly options: {
      readonly admin: Pick<KafkaAdmin, "committedOffsets">;
      readonly store: Pick<StateStore, "markComplete">;
    },
  ) {}

  /**
   * To be called when there is no mark. Sets it where the service begins to count for the first time: nothing that took
   * place is missing then.
   *
   * @returns whether the states are complete
   * @throws TriplineError `kafka-unavailable`, `redis-unavailable`
   */
  async begin(): Promise<boolean> {
    this.#isNew ??= await this.#hasNoCommits();
    // Once handled records are committed, a missing mark can only mean that it was lost.
    if (!this.#isNew) return false;
    await this.options.store.markComplete();
    this.#isNew = false;
    return true;
  }

  async #hasNoCommits(): Promise<boolean> {
    const { admin } = this.options;
    const topics = [TOPICS.transactions.name, TOPICS.labels.name];
    const offsets = await Promise.all(topics.map((topic) => admin.committedOffsets(FEATURES_GROUP, topic)));
    return offsets.every((partitions) => partitions.size === 0);
  }
}
