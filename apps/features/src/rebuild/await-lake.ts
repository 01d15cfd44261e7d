import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSource } from "@tripline/contracts/features/feature-sources";
import { RESULTS } from "@tripline/contracts/features/feature-sources";
import { TOPICS } from "@tripline/contracts/topics";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { topicFolder } from "@tripline/lake/lake-layout";
import { openDisk } from "@tripline/lake/log/open-disk";
import type { Source as LoggedTopic } from "@tripline/lake/log/read-log";
import { positionsOf, readTail } from "@tripline/lake/log/read-log";
import { countedMeanwhile } from "./replace-states.js";

export interface AwaitLakeOptions {
  readonly admin: Pick<KafkaAdmin, "clusterId" | "endOffsets">;
  readonly topicPrefix: string;
  /** The folder that the archive service writes to. */
  readonly lake: string;
  readonly waitMs: number;
  /** The topics that the features service reads. */
  readonly sources: readonly FeatureSource[];
}

const POLL_MS = 250;

/**
 * Waits until the lake contains everything that features has read and written so far.
 *
 * @returns a check that throws `state-conflict` if features has emitted something since, because the lake would not
 * contain it
 * @throws TriplineError `deadline-exceeded`; `state-conflict` for a lake of another Kafka; `kafka-unavailable`,
 *   `database-unavailable`, `state-unreadable`
 */
export async function awaitLake(options: AwaitLakeOptions): Promise<() => Promise<void>> {
  const { admin, topicPrefix, lake, waitMs, sources } = options;
  const cluster = await admin.clusterId();
  const topics = [...sources.map((source) => TOPICS[RESULTS[source]]), ...sources.map((source) => TOPICS[source])];
  const wanted = await Promise.all(topics.map(async ({ name }) => ({ name, ends: await admin.endOffsets(name) })));
  const deadlineMs = performance.now() + waitMs;
  for (const { name, ends } of wanted) {
    const source = { cluster, topic: topicPrefix + name };
    for (;;) {
      const missing = await missingIn(lake, name, source, ends);
      if (missing === 0) break;
      if (performance.now() + POLL_MS > deadlineMs) {
        throw new TriplineError(
          "deadline-exceeded",
          `${missing} records of ${source.topic} are not yet in the lake ${lake}. Start the archive service with this lake, or wait longer with --wait.`,
        );
      }
      await delay(POLL_MS);
    }
  }
  return async () => {
    for (const { name, ends } of wanted.slice(0, sources.length)) {
      const later = await admin.endOffsets(name);
      if ([...later].some(([partition, end]) => end !== ends.get(partition))) throw countedMeanwhile();
    }
  };
}

/** Number of records before the end offsets that are not in the lake yet. */
async function missingIn(lake: string, name: string, source: LoggedTopic, ends: ReadonlyMap<number, number>) {
  const tail = await readTail(await openDisk(lake), topicFolder(lake, name));
  const found = tail.entry?.source;
  if (found !== undefined && (found.cluster !== source.cluster || found.topic !== source.topic)) {
    throw new TriplineError(
      "state-conflict",
      `The lake ${lake} holds ${name} from topic ${found.topic} of Kafka cluster ${found.cluster}, not from topic ${source.topic} ` +
        `of cluster ${source.cluster}. Specify the lake that belongs to this Kafka cluster.`,
    );
  }
  const positions = positionsOf(tail);
  return [...ends].reduce((sum, [partition, end]) => sum + Math.max(0, end - (positions.get(partition) ?? 0)), 0);
}
