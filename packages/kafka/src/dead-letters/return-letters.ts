import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS, HEADERS, REFERENCE_HEADERS, RETURNED_HEADER } from "@tripline/contracts/headers";
import { ALL_TOPICS, deadLetterTopic } from "@tripline/contracts/topics";
import type { OffsetRange, SkippedRecord } from "../consumer/read-range.js";
import { readRange } from "../consumer/read-range.js";
import type { IncomingRecord, Kafka, KafkaAdmin, OutgoingRecord } from "../port.js";

/** The group whose committed offsets say which dead letters came back already. Its name is one that control may use. */
export const RETURN_GROUP = "control-dead-letters";

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
  /** Where the original stands, if the dead letter does not hold it. */
  readonly reference?: LetterReference;
}

/** What was too large for a dead letter, or could not be read: one record, or all of a batch. */
export interface LetterReference {
  readonly topic: string;
  readonly partition: number;
  /** Of the record, or of the batch's first one. */
  readonly offset: number;
  readonly bytes: number;
  readonly sha256: string;
  /** How many the batch has; absent for a single record. */
  readonly records?: number;
}

export interface Returned {
  /** Dead letters that are on their topic again. */
  readonly returned: number;
  /** A sentence for each one that cannot come back. It is passed over from now on. */
  readonly skipped: readonly string[];
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
    ...(headers[REFERENCE_HEADERS.reference] === undefined ? {} : { reference: referenceOf(topic, headers) }),
  };
}

function referenceOf(topic: string, headers: Readonly<Record<string, string>>): LetterReference {
  const records = headers[REFERENCE_HEADERS.records];
  return {
    topic: headers[DEAD_LETTER_HEADERS.topic] ?? topic,
    partition: Number(headers[DEAD_LETTER_HEADERS.partition]),
    offset: Number(headers[DEAD_LETTER_HEADERS.offset]),
    bytes: Number(headers[REFERENCE_HEADERS.bytes]),
    sha256: headers[REFERENCE_HEADERS.sha256] ?? "",
    ...(records === undefined ? {} : { records: Number(records) }),
  };
}

/** For people: where the original is and how large. */
export function describeReference(reference: LetterReference): string {
  const { topic, partition, offset, bytes, sha256, records } = reference;
  const what = records === undefined ? "a record" : `a batch of ${records} records`;
  return `by reference: ${what} of ${bytes} bytes at ${topic}/${partition}@${offset}, SHA-256 ${sha256}`;
}

export interface LookOptions {
  /** Has to be idempotent: after a fault the same letters come again. */
  onBatch(records: readonly IncomingRecord[]): Promise<void> | void;
  /** Told of dead letters that cannot be read. */
  onSkipped?(sentence: string): void;
  /** Only so many of each partition, the newest; all of them unless given. */
  readonly newestMax?: number;
}

/**
 * Goes through the dead letters of a topic that did not come back yet, up to where they end now.
 *
 * @param topic name of the topic whose dead letters these are
 * @returns by partition, where those that did not come back begin and end
 * @throws TriplineError `kafka-unavailable`; `deadline-exceeded` after two minutes
 */
export async function readLetters(
  kafka: Kafka,
  topic: string,
  { onBatch, onSkipped = () => {}, newestMax = Number.POSITIVE_INFINITY }: LookOptions,
): Promise<ReadonlyMap<number, OffsetRange>> {
  const admin = await kafka.admin();
  try {
    const waiting = await waitingLetters(admin, topic);
    await readRange(kafka, {
      group: `${RETURN_GROUP}-look-${randomUUID()}`,
      topic: deadLetterTopic(topic),
      ranges: new Map([...waiting].map(([at, { from, to }]) => [at, { from: Math.max(from, to - newestMax), to }])),
      handle: ({ records }) => onBatch(records),
      skipped: (place) => onSkipped(skippedSentence(topic, place)),
    });
    return waiting;
  } finally {
    await admin.close();
  }
}

/** Where a letter stands among the dead letters of its topic. */
export type LetterPlace = Pick<DeadLetter, "partition" | "offset">;

export interface ReturnOptions {
  /** Only letters with this code. */
  readonly code?: string | undefined;
  /** Only these letters. */
  readonly places?: readonly LetterPlace[] | undefined;
  /** Letters that came back ahead of the place that the group keeps: they stay where they are. */
  isBack?(place: LetterPlace): boolean;
  /** Awaited each time that letters are on their topic again. */
  onReturned?(letters: readonly DeadLetter[]): Promise<void>;
}

/**
 * Puts dead letters back on their topic, each without the headers that made it one. What fails again becomes a dead
 * letter again, after the place where this ends. A crash in between lets letters come back twice, which every reader of
 * the topics has to bear anyway. One that cannot come back, because it is a reference or too large for its topic, is
 * passed over. The place that is kept then stays before the first letter that was left.
 *
 * @throws TriplineError `state-conflict` while another return is under way; `kafka-unavailable`; `deadline-exceeded`
 */
export async function returnLetters(kafka: Kafka, topic: string, options: ReturnOptions = {}): Promise<Returned> {
  const { code, places, isBack = () => false, onReturned } = options;
  const admin = await kafka.admin();
  const producer = await kafka.producer();
  try {
    if ((await admin.groupMembers(RETURN_GROUP)) > 0) {
      throw new TriplineError(
        "state-conflict",
        "Another return of dead letters is under way; wait until it has ended.",
      );
    }
    const letters = deadLetterTopic(topic);
    let [returned, left] = [0, 0];
    const committed = new Map<number, number>();
    const skipped: string[] = [];
    const { ranges, firstLeft } = narrow(await waitingLetters(admin, topic), places, isBack);
    const isChosen = ({ partition, offset }: LetterPlace) =>
      places === undefined || places.some((place) => place.partition === partition && place.offset === offset);
    const goOn = (partition: number, last: number, commit: (offset: number) => void) => {
      const next = firstLeft.get(partition) ?? passBack({ partition, offset: last + 1 }, isBack);
      commit(next);
      committed.set(partition, next);
    };
    await readRange(kafka, {
      group: RETURN_GROUP,
      topic: letters,
      ranges,
      async handle({ partition, records }, commit) {
        const waiting = records.filter((record) => !isBack(record));
        const chosen = waiting.filter(
          (record) => isChosen(record) && (code === undefined || describeLetter(topic, record).code === code),
        );
        await producer.send(chosen.map((record) => revive(topic, record)));
        if (chosen.length > 0) await onReturned?.(chosen.map((record) => describeLetter(topic, record)));
        returned += chosen.length;
        left += waiting.length - chosen.length;
        const stays = waiting.find((record) => !chosen.includes(record));
        if (stays !== undefined && !firstLeft.has(partition)) firstLeft.set(partition, stays.offset);
        goOn(partition, records.at(-1)?.offset ?? 0, commit);
      },
      skipped(place, commit) {
        if (!isChosen(place)) return;
        skipped.push(skippedSentence(topic, place));
        goOn(place.partition, place.offset, commit);
      },
      finish: () => untilCommitted(admin, letters, committed),
    });
    return { returned, left, skipped };
  } finally {
    await producer.close();
    await admin.close();
  }
}

type IsBack = (place: LetterPlace) => boolean;

/** What has to be read for these letters, and where letters before them are left. */
function narrow(
  waiting: ReadonlyMap<number, OffsetRange>,
  places: readonly LetterPlace[] | undefined,
  isBack: IsBack,
): { ranges: ReadonlyMap<number, OffsetRange>; firstLeft: Map<number, number> } {
  const firstLeft = new Map<number, number>();
  if (places === undefined) return { ranges: waiting, firstLeft };
  const ranges = new Map<number, OffsetRange>();
  for (const [partition, { from, to }] of waiting) {
    const offsets = places.filter((place) => place.partition === partition).map(({ offset }) => offset);
    const first = passBack({ partition, offset: from }, isBack);
    const range = { from: Math.max(first, Math.min(...offsets)), to: Math.min(to, Math.max(...offsets) + 1) };
    if (range.from >= range.to) continue;
    ranges.set(partition, range);
    if (range.from > first) firstLeft.set(partition, first);
  }
  return { ranges, firstLeft };
}

/** The first offset from a place on whose letter is not back. */
function passBack({ partition, offset }: LetterPlace, isBack: IsBack): number {
  let next = offset;
  while (isBack({ partition, offset: next })) next += 1;
  return next;
}

function skippedSentence(topic: string, { partition, offset, error }: SkippedRecord): string {
  return `${deadLetterTopic(topic)}/${partition}@${offset} cannot come back and stays there: ${error.message}`;
}

/** @throws TriplineError `message-unreadable` for a dead letter by reference */
function revive(topic: string, record: IncomingRecord): OutgoingRecord {
  const { key, value, headers } = record;
  const { reference } = describeLetter(topic, record);
  if (reference !== undefined) {
    const detail = `it does not hold its original; ${describeReference(reference)}`;
    throw new TriplineError("message-unreadable", detail);
  }
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

/** By partition, the letters that did not come back yet. */
export async function waitingLetters(admin: KafkaAdmin, topic: string): Promise<ReadonlyMap<number, OffsetRange>> {
  const letters = deadLetterTopic(topic);
  const [starts, ends, done] = [
    await admin.startOffsets(letters),
    await admin.endOffsets(letters),
    await admin.committedOffsets(RETURN_GROUP, letters),
  ];
  return new Map(
    [...ends].map(([partition, to]) => {
      return [partition, { from: Math.max(starts.get(partition) ?? 0, done.get(partition) ?? 0), to }];
    }),
  );
}

/** Waits until the group holds what was committed. */
async function untilCommitted(admin: KafkaAdmin, topic: string, committed: ReadonlyMap<number, number>): Promise<void> {
  const deadline = Date.now() + COMMIT_MS_MAX;
  for (;;) {
    const held = await admin.committedOffsets(RETURN_GROUP, topic);
    if ([...committed].every(([partition, offset]) => held.get(partition) === offset)) return;
    if (Date.now() > deadline) return;
    await delay(POLL_MS);
  }
}
