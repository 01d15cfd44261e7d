import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSource } from "@tripline/contracts/features/feature-sources";
import { TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { appliedOffset } from "../states/applied-batch.js";
import { LOOK_MS } from "../states/rebuild-hold.js";
import { FEATURES_GROUP } from "../states/state-completeness.js";

/** Redis keys of the applied batches, by topic and partition. */
export type AppliedKeys = ReadonlyMap<FeatureSource, ReadonlyMap<number, string>>;

export const REST_MS_MAX = 20_000;

export interface AwaitRestOptions {
  readonly admin: Pick<KafkaAdmin, "committedOffsets" | "groupMembers">;
  readonly keys: AppliedKeys;
  readonly restMs: number;
  /** Reads and stores how far each partition is counted: the first bytes of its applied batch, by key. */
  noteCounted(): Promise<ReadonlyMap<string, Buffer>>;
}

/**
 * Waits until running instances have finished their current batches, and records how far they have counted. An offset
 * is committed once all results of its records are on Kafka. Once the committed offsets equal the counted ones, no
 * result is pending. `StateReplacement` detects anything counted later.
 *
 * @throws TriplineError `state-conflict` if that does not happen; `state-unreadable`, `redis-unavailable`,
 * `kafka-unavailable`
 */
export async function awaitRest(options: AwaitRestOptions): Promise<void> {
  const { admin, noteCounted, restMs } = options;
  const members = await admin.groupMembers(FEATURES_GROUP);
  if (members === 0) {
    await noteCounted();
    return;
  }
  const deadlineMs = performance.now() + restMs;
  let before: string | undefined;
  for (;;) {
    // The first wait lets every instance see that it must pause; later ones let running batches finish.
    await delay(2 * LOOK_MS);
    const counted = await noteCounted();
    const now = JSON.stringify([...counted].map(([key, head]) => [key, head.toString("hex")]));
    if (now === before && (await isCommitted(options, counted))) return;
    before = now;
    if (performance.now() > deadlineMs) {
      throw new TriplineError(
        "state-conflict",
        `The features service is not pausing: ${members} of its instances are running, and some counted records are not committed. ` +
          "Run the command again. If that does not help, first stop all instances (a killed instance counts as running for ten more " +
          "seconds).",
      );
    }
  }
}

async function isCommitted({ admin, keys }: AwaitRestOptions, counted: ReadonlyMap<string, Buffer>): Promise<boolean> {
  for (const [source, byPartition] of keys) {
    const committed = await admin.committedOffsets(FEATURES_GROUP, TOPICS[source].name);
    for (const [partition, key] of byPartition) {
      if (appliedOffset(counted.get(key)) >= (committed.get(partition) ?? 0)) return false;
    }
  }
  return true;
}
