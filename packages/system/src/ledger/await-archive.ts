import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { RESULTS } from "@tripline/contracts/features/feature-sources";
import type { Topic } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import { listFiles } from "@tripline/lake/log/list-files";

const ARCHIVE_WAIT_MS_MAX = 120_000;
const ARCHIVE_POLL_MS = 250;

const OF_FEATURES: readonly Topic[] = Object.values(RESULTS).map((name) => TOPICS[name]);

/**
 * Waits until the archive contains all current records of the topics.
 *
 * @param lake the folder to which the archive service writes
 * @param topics default: the topics to which the feature service writes
 * @throws TriplineError `deadline-exceeded` after two minutes
 */
export async function awaitArchive(kafka: Kafka, lake: string, topics = OF_FEATURES): Promise<void> {
  const admin = await kafka.admin();
  try {
    const deadline = Date.now() + ARCHIVE_WAIT_MS_MAX;
    for (const { name } of topics) {
      const ends = await admin.endOffsets(name);
      while (!(await holds(lake, name, ends))) {
        if (Date.now() > deadline)
          throw new TriplineError("deadline-exceeded", `The archive of ${name} is not catching up.`);
        await delay(ARCHIVE_POLL_MS);
      }
    }
  } finally {
    await admin.close();
  }
}

async function holds(lake: string, topic: string, ends: ReadonlyMap<number, number>): Promise<boolean> {
  if ([...ends.values()].every((end) => end === 0)) return true;
  try {
    const { positions } = await listFiles(lake, topic, []);
    return [...ends].every(([partition, end]) => (positions.get(partition) ?? 0) >= end);
  } catch (error) {
    if (error instanceof TriplineError && error.code === "not-found") return false;
    throw error;
  }
}
