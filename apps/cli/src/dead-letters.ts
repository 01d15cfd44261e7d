import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS, HEADERS, RETURNED_HEADER } from "@tripline/contracts/headers";
import { ALL_TOPICS, deadLetterTopic } from "@tripline/contracts/topics";
import type { IncomingRecord, Kafka, KafkaAdmin, OutgoingRecord, RecordBatch } from "@tripline/kafka/port";

/** The group whose committed offsets say which dead letters came back already. */
export const RETURN_GROUP = "dlq-return";

const READ_MS_MAX = 120_000;
const COMMIT_MS_MAX = 10_000;
const POLL_MS = 20;

/** Headers of the dead letter itself, and those of a caller who has long given up waiting. */
const DROPPED: ReadonlySet<string> = new Set([
  ...Object.values(DEAD_LETTER_HEADERS),
  HEADERS.deadline,
  HEADERS.replyTo,
  RETURNED_HEADER,
]);

/** Topics of the table that have dead letters. */
export const LETTERED_TOPICS: readonly string[] = ALL_TOPICS.filter(({ name }) =>
  ALL_TOPICS.some((other) => other.name === deadLetterTopic(name)),
).map(({ name }) => name);

export interface DeadLetter {
  /** The topic on which the record stood. */
  readonly topic: string;
  /** Where it stands among the dead letters. */
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly message: string;
  /** The consumers' group that could not process it. */
  readonly group: string;
  /** Milliseconds since the epoch at which it was put there. */
  readonly buriedAtMs: number;
  /** How often it had come back before. */
  readonly returned: number;
}

export interface Returned {
  /** Dead letters that are on their topic again. */
  readonly returned: number;
  /** Those that were left because of their code; they are asked about again the next time. */
  readonly left: number;
}

export function describeLetter(topic: string, record: IncomingRecord): DeadLetter {
  const { headers, partition, offset, timestampMs } = record;
  return {
    topic,
    partition,
    offset,
    code: headers[DEAD_LETTER_HEADERS.code] ?? "unknown",
    message: headers[DEAD_LETTER_HEADERS.message] ?? "",
    group: headers[DEAD_LETTER_HEADERS.group] ?? "unknown",
    buriedAtMs: timestampMs,
    returned: returnedOf(headers),
  };
}

/**
 * Goes through the dead letters of a topic that did not come back yet, up to where they end now.
 *
 * @param topic name of the topic whose dead letters these are
 * @param onBatch has to be idempotent: after a fault the same letters come again
 * @throws TriplineError `kafka-unavailable`; `deadline-exceeded` after two minutes
 */
export async function readLetters(
  kafka: Kafka,
  topic: string,
  onBatch: (records: readonly IncomingRecord[]) => Promise<void> | void,
): Promise<void> {
  const admin = await kafka.admin();
  try {
    const range = await waitingRange(admin, topic);
    await walk(kafka, `${RETURN_GROUP}-look-${process.pid}`, topic, range, (batch) => onBatch(batch.records));
  } finally {
    await admin.close();
  }
}

/**
 * Puts dead letters back on their topic, each without the headers that made it one. What fails again becomes a dead
 * letter again, after the place where this ends. A crash in between lets letters come back twice, which every reader of
 * the topics has to bear anyway.
 *
 * @param code only letters of this code; the place that is kept then stays before the first one that was left
 * @throws TriplineError `state-conflict` while another return is under way; `kafka-unavailable`; `deadline-exceeded`
 */
export async function returnLetters(kafka: Kafka, topic: string, code?: string): Promise<Returned> {
  const admin = await kafka.admin();
  const producer = await kafka.producer();
  try {
    if ((await admin.groupMembers(RETURN_GROUP)) > 0) {
      throw new TriplineError(
        "state-conflict",
        "Another return of dead letters is under way; wait until it has ended.",
      );
    }
    const range = await waitingRange(admin, topic);
    let [returned, left] = [0, 0];
    const firstLeft = new Map<number, number>();
    await walk(kafka, RETURN_GROUP, topic, range, async ({ partition, records }, commit) => {
      const chosen = records.filter((record) => code === undefined || describeLetter(topic, record).code === code);
      await producer.send(chosen.map((record) => revive(topic, record)));
      returned += chosen.length;
      left += records.length - chosen.length;
      const stays = records.find((record) => !chosen.includes(record));
      if (stays !== undefined && !firstLeft.has(partition)) firstLeft.set(partition, stays.offset);
      const next = firstLeft.get(partition) ?? (records.at(-1)?.offset ?? 0) + 1;
      await commit(next);
    });
    return { returned, left };
  } finally {
    await producer.close();
    await admin.close();
  }
}

function revive(topic: string, { key, value, headers }: IncomingRecord): OutgoingRecord {
  const own = Object.entries(headers).filter(([name]) => !DROPPED.has(name));
  return {
    topic,
    key,
    value,
    headers: { ...Object.fromEntries(own), [RETURNED_HEADER]: String(returnedOf(headers) + 1) },
  };
}

function returnedOf(headers: Readonly<Record<string, string>>): number {
  const count = Number(headers[RETURNED_HEADER] ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** By partition, the letters that did not come back yet; partitions without any are absent. */
async function waitingRange(admin: KafkaAdmin, topic: string): Promise<ReadonlyMap<number, Range>> {
  const letters = deadLetterTopic(topic);
  const [starts, ends, done] = [
    await admin.startOffsets(letters),
    await admin.endOffsets(letters),
    await admin.committedOffsets(RETURN_GROUP, letters),
  ];
  const ranges = [...ends].map(([partition, to]): [number, Range] => {
    return [partition, { from: Math.max(starts.get(partition) ?? 0, done.get(partition) ?? 0), to }];
  });
  return new Map(ranges.filter(([, { from, to }]) => from < to));
}

type Handle = (batch: RecordBatch, commit: (offset: number) => Promise<void>) => Promise<void> | void;

async function walk(
  kafka: Kafka,
  group: string,
  topic: string,
  range: ReadonlyMap<number, Range>,
  handle: Handle,
): Promise<void> {
  const letters = deadLetterTopic(topic);
  const open = new Map(range);
  if (open.size === 0) return;
  const committed = new Map<number, number>();
  let failure: Error | undefined;
  const consumer = await kafka.consume({
    group,
    topics: [letters],
    positions: {
      begin: async (_topic, partition) => open.get(partition)?.from ?? range.get(partition)?.to ?? 0,
      buried: () => {},
    },
    async handle(batch) {
      const ends = open.get(batch.partition);
      if (ends === undefined) return;
      const records = batch.records.filter(({ offset }) => offset >= ends.from && offset < ends.to);
      if (records.length > 0) {
        await handle({ ...batch, records }, async (offset) => {
          consumer.commit(letters, batch.partition, offset);
          committed.set(batch.partition, offset);
        });
      }
      const next = (batch.records.at(-1)?.offset ?? 0) + 1;
      if (next >= ends.to) open.delete(batch.partition);
      else open.set(batch.partition, { ...ends, from: next });
    },
    onStop(error) {
      failure = error;
    },
  });
  const admin = await kafka.admin();
  try {
    await until(READ_MS_MAX, () => open.size === 0 || failure !== undefined);
    if (failure !== undefined) throw failure;
    if (open.size > 0) throw new TriplineError("deadline-exceeded", `${letters} could not be read to its end in time.`);
    await until(COMMIT_MS_MAX, async () => {
      const held = await admin.committedOffsets(group, letters);
      return [...committed].every(([partition, offset]) => held.get(partition) === offset);
    });
  } finally {
    await consumer.close();
    await admin.close();
  }
}

async function until(ms: number, isDone: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await isDone()) && Date.now() < deadline) await delay(POLL_MS);
}
