import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS, HEADERS, REFERENCE_HEADERS, RETURNED_HEADER } from "@tripline/contracts/headers";
import { ALL_TOPICS, deadLetterTopic } from "@tripline/contracts/topics";
import type { OffsetRange, SkippedRecord } from "../consumer/read-range.js";
import { readRange } from "../consumer/read-range.js";
import type { IncomingRecord, Kafka, KafkaAdmin, OutgoingRecord } from "../port.js";

/**
 * The group whose committed offsets record which dead letters were redriven. The control service has permission to use
 * this group.
 */
export const RETURN_GROUP = "control-dead-letters";

const COMMIT_MS_MAX = 10_000;
const POLL_MS = 20;

/** Headers that are not redriven: the dead letter's own, and the ones for a caller that stopped waiting long ago. */
const DROPPED: ReadonlySet<string> = new Set([
  ...Object.values(DEAD_LETTER_HEADERS),
  HEADERS.deadline,
  HEADERS.replyTo,
  RETURNED_HEADER,
]);

/** Topics of the table that have a dead-letter topic. */
export const LETTERED_TOPICS: readonly string[] = ALL_TOPICS.filter(({ name }) =>
  ALL_TOPICS.some((other) => other.name === deadLetterTopic(name)),
).map(({ name }) => name);

export interface DeadLetter {
  /** The original topic of the record. */
  readonly topic: string;
  /** Its position in the dead-letter topic. */
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly message: string;
  /** The consumer group that could not process the record. */
  readonly group: string;
  /** When the record was dead-lettered, in milliseconds since the epoch. */
  readonly deadLetteredAtMs: number;
  /** How many times the record was redriven before. */
  readonly returned: number;
  /** Position of the original, if the dead letter does not contain it. */
  readonly reference?: LetterReference;
}

/** A record, or a whole batch, that was too large for a dead letter or unreadable. */
export interface LetterReference {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the record, or of the first record in the batch. */
  readonly offset: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Number of records in the batch; absent for a single record. */
  readonly records?: number;
}

export interface Returned {
  /** Number of redriven dead letters. */
  readonly returned: number;
  /** One sentence for each dead letter that cannot be redriven. These dead letters are skipped from now on. */
  readonly skipped: readonly string[];
  /** Number of dead letters with another code; the next redrive considers them again. */
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
    deadLetteredAtMs: timestampMs,
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

/** A description for users: position and size of the original. */
export function describeReference(reference: LetterReference): string {
  const { topic, partition, offset, bytes, sha256, records } = reference;
  const what = records === undefined ? "a record" : `a batch of ${records} records`;
  return `by reference: ${what} of ${bytes} bytes at ${topic}/${partition}@${offset}, SHA-256 ${sha256}`;
}

export interface LookOptions {
  /** Must be idempotent: after a failure, the same dead letters are delivered again. */
  onBatch(records: readonly IncomingRecord[]): Promise<void> | void;
  /** Called for dead letters that cannot be read. */
  onSkipped?(sentence: string): void;
  /** Reads only this many of the newest dead letters per partition. Default: all. */
  readonly newestMax?: number;
}

/**
 * Reads the dead letters of a topic that have not been redriven, up to their current end.
 *
 * @param topic name of the original topic
 * @returns by partition, the range of dead letters that have not been redriven
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

/** Position of a dead letter in the dead-letter topic. */
export type LetterPlace = Pick<DeadLetter, "partition" | "offset">;

export interface ReturnOptions {
  /** Only dead letters with this code. */
  readonly code?: string | undefined;
  /** Only these dead letters. */
  readonly places?: readonly LetterPlace[] | undefined;
  /**
   * Whether an earlier run redrove a dead letter that is after the group's committed offset. This run then skips it.
   */
  isBack?(place: LetterPlace): boolean;
  /** Called, and awaited, each time dead letters have been written to their topic. */
  onReturned?(letters: readonly DeadLetter[]): Promise<void>;
}

/**
 * Redrives dead letters: writes them to their original topic, without the dead-letter headers. A record that fails
 * again becomes a new dead letter, after the end of this run. After a crash, dead letters may be redriven twice, which
 * every consumer must tolerate anyway. A dead letter that cannot be redriven, because it is a reference or too large
 * for its topic, is skipped. The committed offset stays before the first dead letter that was not redriven.
 *
 * @throws TriplineError `state-conflict` while another redrive is running; `kafka-unavailable`; `deadline-exceeded`
 */
export async function returnLetters(kafka: Kafka, topic: string, options: ReturnOptions = {}): Promise<Returned> {
  const { code, places, isBack = () => false, onReturned } = options;
  const admin = await kafka.admin();
  const producer = await kafka.producer();
  try {
    if ((await admin.groupMembers(RETURN_GROUP)) > 0) {
      throw new TriplineError(
        "state-conflict",
        "Another redrive of dead letters is in progress; wait until it finishes.",
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

/**
 * The ranges to read for these dead letters and, by partition, the first earlier dead letter that has not been
 * redriven.
 */
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

/** The first offset, at or after a position, whose dead letter has not been redriven. */
function passBack({ partition, offset }: LetterPlace, isBack: IsBack): number {
  let next = offset;
  while (isBack({ partition, offset: next })) next += 1;
  return next;
}

function skippedSentence(topic: string, { partition, offset, error }: SkippedRecord): string {
  return `${deadLetterTopic(topic)}/${partition}@${offset} cannot be redriven and is kept: ${error.message}`;
}

/** @throws TriplineError `message-unreadable` for a dead letter by reference */
function revive(topic: string, record: IncomingRecord): OutgoingRecord {
  const { key, value, headers } = record;
  const { reference } = describeLetter(topic, record);
  if (reference !== undefined) {
    const detail = `it does not contain the original record; ${describeReference(reference)}`;
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

/** By partition, the dead letters that have not been redriven. */
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

/** Waits until the group's committed offsets are visible. */
async function untilCommitted(admin: KafkaAdmin, topic: string, committed: ReadonlyMap<number, number>): Promise<void> {
  const deadline = Date.now() + COMMIT_MS_MAX;
  for (;;) {
    const held = await admin.committedOffsets(RETURN_GROUP, topic);
    if ([...committed].every(([partition, offset]) => held.get(partition) === offset)) return;
    if (Date.now() > deadline) return;
    await delay(POLL_MS);
  }
}
