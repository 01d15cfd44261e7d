import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventConsumer, IncomingRecord, Kafka, KafkaAdmin } from "@tripline/kafka/port";

/** Service and group have one name, as grants name them. */
export const TRAINING_GROUP = "training";

const { name: TOPIC, schema: SCHEMA } = TOPICS.driftDetected;
/** How long to wait for the commit after the work; without it the work is done again. */
const COMMIT_MS_MAX = 10_000;
const COMMIT_POLL_MS = 100;

export interface AwaitDriftOptions {
  readonly kafka: Kafka;
  /** Events of other models are skipped. */
  readonly model: string;
  /** How long to wait for an event once partitions are assigned. */
  readonly waitMs: number;
}

interface Inbox {
  /** By partition: behind the last record that was read. */
  readonly ends: Map<number, number>;
  readonly events: DriftDetected[];
}

/**
 * Does the work if there is an unhandled event, or one comes in time. Several events at once are one piece of work. They
 * are committed when the work is done: after a kill they are re-delivered.
 *
 * @returns what the work gives; undefined where no event came
 * @throws TriplineError `kafka-unavailable`, and what the work throws
 */
export async function awaitDrift<T>(
  { kafka, model, waitMs }: AwaitDriftOptions,
  work: (events: readonly DriftDetected[]) => Promise<T>,
): Promise<T | undefined> {
  const admin = await kafka.admin();
  const found = Promise.withResolvers<void>();
  const inbox: Inbox = { ends: new Map(), events: [] };
  let consumer: EventConsumer | undefined;
  try {
    const ends = await admin.endOffsets(TOPIC);
    consumer = await kafka.consume({
      group: TRAINING_GROUP,
      topics: [TOPIC],
      positions: {
        begin: async (topic, partition) => (await admin.committedOffsets(TRAINING_GROUP, topic)).get(partition) ?? 0,
        buried: (_topic, partition, offset) => inbox.ends.set(partition, offset + 1),
      },
      async handle(batches) {
        for (const record of batches.flatMap(({ records }) => records)) {
          const event = decode(record);
          if (event.modelName === model) inbox.events.push(event);
          inbox.ends.set(record.partition, record.offset + 1);
        }
        // What was there at the start is one piece of work.
        if (inbox.events.length > 0 && isReadUpTo(ends, inbox)) found.resolve();
      },
      onStop: (error) => found.reject(error),
    });
    await consumer.ready;
    await Promise.race([found.promise, delay(waitMs, undefined, { ref: false })]);
    // What comes from now on starts the next work.
    const [events, done] = [[...inbox.events], [...inbox.ends]];
    const result = events.length === 0 ? undefined : await work(events);
    await commit(consumer, admin, done);
    return result;
  } finally {
    await consumer?.close();
    await admin.close();
  }
}

function decode({ headers, value }: IncomingRecord): DriftDetected {
  const schema = headers[HEADERS.schema];
  if (schema !== SCHEMA) throw new TriplineError("message-unreadable", `it has the schema ${schema}, not ${SCHEMA}`);
  try {
    return DriftDetected.decode(value);
  } catch (cause) {
    throw new TriplineError("message-unreadable", "it is not the protobuf message of its topic", [], { cause });
  }
}

function isReadUpTo(ends: ReadonlyMap<number, number>, inbox: Inbox): boolean {
  // Without records in a partition there is nothing to wait for; `ends` of those with some are reached one by one.
  return [...ends].every(([partition, end]) => end === 0 || (inbox.ends.get(partition) ?? 0) >= end);
}

async function commit(
  consumer: EventConsumer,
  admin: KafkaAdmin,
  done: readonly (readonly [partition: number, end: number])[],
): Promise<void> {
  const deadlineMs = performance.now() + COMMIT_MS_MAX;
  for (const [partition, end] of done) {
    let isKnown = false;
    while (!isKnown && performance.now() < deadlineMs) {
      // Not repeated by the consumer when an assignment ends, so it is asked for until it is known.
      consumer.commit(TOPIC, partition, end);
      await delay(COMMIT_POLL_MS);
      isKnown = ((await admin.committedOffsets(TRAINING_GROUP, TOPIC)).get(partition) ?? 0) >= end;
    }
    if (!isKnown) {
      const detail =
        "Kafka does not confirm that the drift was worked on, so that will be done again. Look at its log.";
      throw new TriplineError("kafka-unavailable", detail);
    }
  }
}
