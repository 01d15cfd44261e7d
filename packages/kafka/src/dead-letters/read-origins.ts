import { randomUUID } from "node:crypto";
import { DEAD_LETTER_HEADERS, REFERENCE_HEADERS } from "@tripline/contracts/headers";
import { deadLetterTopic } from "@tripline/contracts/topics";
import { readRange } from "../consumer/read-range.js";
import type { IncomingRecord, Kafka } from "../port.js";

/** Original position of a dead letter's record or, for an unreadable batch, of all its records. */
export interface LetterOrigin {
  readonly partition: number;
  readonly first: number;
  readonly last: number;
  /** The consumer group that could not process the records. */
  readonly group: string;
}

/**
 * The origins of all dead letters of a topic that are still in Kafka, including redriven ones.
 *
 * @param topic name of the original topic
 * @throws TriplineError `kafka-unavailable`; `deadline-exceeded` after two minutes
 */
export async function readOrigins(kafka: Kafka, topic: string): Promise<readonly LetterOrigin[]> {
  const letters = deadLetterTopic(topic);
  const admin = await kafka.admin();
  try {
    const [starts, ends] = [await admin.startOffsets(letters), await admin.endOffsets(letters)];
    const origins: LetterOrigin[] = [];
    await readRange(kafka, {
      group: `read-${letters}-${randomUUID()}`,
      topic: letters,
      ranges: new Map([...ends].map(([partition, to]) => [partition, { from: starts.get(partition) ?? 0, to }])),
      handle({ records }) {
        for (const record of records) origins.push(originOf(record));
      },
    });
    return origins;
  } finally {
    await admin.close();
  }
}

function originOf({ headers }: IncomingRecord): LetterOrigin {
  const first = Number(headers[DEAD_LETTER_HEADERS.offset]);
  return {
    partition: Number(headers[DEAD_LETTER_HEADERS.partition]),
    first,
    last: Number(headers[REFERENCE_HEADERS.lastOffset] ?? first),
    group: headers[DEAD_LETTER_HEADERS.group] ?? "",
  };
}
