import { TriplineError } from "@tripline/contracts/error-table";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { Kafka } from "./port.js";

const READ_MS_MAX = 30_000;

/**
 * Who was erased until now.
 *
 * @param group which the caller may read in
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
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_resolve, reject) => {
      const detail = `The topic ${TABLES.erasures.name} could not be read within ${READ_MS_MAX / 1_000} s.`;
      timer = setTimeout(() => reject(new TriplineError("kafka-unavailable", detail)), READ_MS_MAX);
    });
    await Promise.race([table.ready, late]);
    return erasures;
  } finally {
    clearTimeout(timer);
    await table.close();
  }
}
