import { TriplineError } from "@tripline/contracts/error-table";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { Kafka } from "./port.js";
import { settlesWithin } from "./wait-backoff.js";

const READ_MS_MAX = 30_000;

/**
 * All erasures so far.
 *
 * @param group a consumer group that the caller may use
 * @throws TriplineError `kafka-unavailable` after 30 s
 */
export async function readErasures(kafka: Kafka, group: string): Promise<readonly Erasure[]> {
  const erasures: Erasure[] = [];
  const table = await kafka.follow({
    topic: TABLES.erasures.name,
    group,
    apply: (changes) => {
      for (const { value } of changes) if (value !== undefined) erasures.push(Erasure.decode(value));
    },
    onStop() {},
  });
  try {
    if (!(await settlesWithin(READ_MS_MAX, table.ready))) {
      const detail = `The topic ${TABLES.erasures.name} could not be read within ${READ_MS_MAX / 1_000} s.`;
      throw new TriplineError("kafka-unavailable", detail);
    }
    // Throws the follower's error if it has failed.
    await table.ready;
    return erasures;
  } finally {
    await table.close();
  }
}
