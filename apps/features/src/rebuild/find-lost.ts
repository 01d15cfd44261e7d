import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSource } from "@tripline/contracts/features/feature-sources";
import { featureSources, RESULTS } from "@tripline/contracts/features/feature-sources";
import type { Topic } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import type { LetterOrigin } from "@tripline/kafka/dead-letters/read-origins";
import type { LostRecord, OffsetSpan } from "@tripline/lake/read/find-missing";
import { missingOffsets, readLost } from "@tripline/lake/read/find-missing";
import { FEATURES_GROUP } from "../states/state-completeness.js";
import { countableRecord } from "./find-resume.js";
import type { LostRecords } from "./folded-lake.js";

export interface FindLostOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  /**
   * For each partition of each source, the offset before which all records were counted and have their results on
   * Kafka.
   */
  readonly committed: ReadonlyMap<FeatureSource, ReadonlyMap<number, number>>;
  /** Origins of the dead letters of a topic. */
  origins(topic: string): Promise<readonly LetterOrigin[]>;
}

export const HOW_TO_GO_ON =
  "Alternatively, count the available events in time order with --partial: features will be close, but not exact.";
/** The consumer group of the archive service. Records that it could not process are not in the lake. */
const ARCHIVE_GROUP = "archive";
/** If more records are missing, the lake belongs to another system or has lost data. */
const LOST_MAX = 1_000;
const SPANS_SHOWN_MAX = 20;

/**
 * Finds the results of features that are missing from the lake. Each result belongs to a payment, label or payment
 * update in the lake, which identifies the missing event. A missing offset without such an event is a dead letter, for
 * example a record from another writer.
 *
 * @throws TriplineError `state-conflict` if the lake also lacks payments, labels or updates, so that missing events
 *   cannot be identified; `lake-unavailable`, `kafka-unavailable`
 */
export async function findLost(options: FindLostOptions): Promise<LostRecords> {
  const events: CountedEvent[] = [];
  const sentences: string[] = [];
  for (const source of featureSources(options.engine.spec)) {
    const emitted = await spansOf(options, TOPICS[RESULTS[source]], ARCHIVE_GROUP);
    const lost = (await lostOf(options, source)).filter(({ record }) => countableRecord(options.engine, record));
    const before = options.committed.get(source) ?? new Map<number, number>();
    const unread = await spansOf(options, TOPICS[source], FEATURES_GROUP);
    const unnamed = unread.open.filter(({ partition, first }) => first < (before.get(partition) ?? 0));
    if (sizeOf(emitted.open) > lost.length && unnamed.length > 0) throw cannotBeNamed(source, emitted.open, unnamed);
    for (const span of emitted.all.slice(0, SPANS_SHOWN_MAX)) {
      sentences.push(`The archive has no record at ${shown(TOPICS[RESULTS[source]], span)}.`);
    }
    for (const one of lost) {
      events.push(eventOf(one));
      sentences.push(lostSentence(source, one));
    }
    const left = sizeOf(emitted.all) - lost.length;
    if (left > 0)
      sentences.push(
        `${left} of these were not results of features: every payment, label and payment update has its result.`,
      );
  }
  return { events, sentences };
}

async function lostOf({ lake, committed }: FindLostOptions, source: FeatureSource): Promise<readonly LostRecord[]> {
  const lost = await readLost(lake, source, committed.get(source) ?? new Map(), LOST_MAX + 1);
  if (lost.length <= LOST_MAX) return lost;
  const detail = `More than ${LOST_MAX} records of ${source} were counted but have no result in the lake ${lake}. ${HOW_TO_GO_ON}`;
  throw new TriplineError("state-conflict", detail);
}

/**
 * The offsets of a topic that are missing from the lake, and those among them that are not explained by any dead letter
 * of the group.
 */
async function spansOf({ lake, origins }: FindLostOptions, { name }: Pick<Topic, "name">, group: string) {
  const all = await missingOffsets(lake, name).catch((error: unknown) => {
    if (error instanceof TriplineError && error.code === "not-found") return [];
    throw error;
  });
  const letters = all.length === 0 ? [] : (await origins(name)).filter((letter) => letter.group === group);
  const open = letters.reduce((spans, letter) => spans.flatMap((span) => without(span, letter)), all);
  return { all, open };
}

function without(span: OffsetSpan, { partition, first, last }: LetterOrigin): OffsetSpan[] {
  if (partition !== span.partition || last < span.first || first > span.last) return [span];
  const before = { partition, first: span.first, last: first - 1 };
  const after = { partition, first: last + 1, last: span.last };
  return [before, after].filter((part) => part.first <= part.last);
}

function sizeOf(spans: readonly OffsetSpan[]): number {
  return spans.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

function shown({ name }: Pick<Topic, "name">, { partition, first, last }: OffsetSpan): string {
  return `${name}/${partition}@${first}${last > first ? ` to ${last}` : ""}`;
}

function cannotBeNamed(
  source: FeatureSource,
  emitted: readonly OffsetSpan[],
  unread: readonly OffsetSpan[],
): TriplineError {
  const lists = [TOPICS[RESULTS[source]], TOPICS[source]].map((topic, index) =>
    (index === 0 ? emitted : unread).slice(0, SPANS_SHOWN_MAX).map((span) => shown(topic, span)),
  );
  return new TriplineError(
    "state-conflict",
    `${sizeOf(emitted)} records of ${TOPICS[RESULTS[source]].name} were never archived (${lists[0]?.join(", ")}), nor were ${sizeOf(unread)} records of ${TOPICS[source].name} (${lists[1]?.join(", ")}), so it is unknown what was counted. ${HOW_TO_GO_ON}`,
  );
}

/** The event as features emitted it, without the findings, which are lost. */
function eventOf({ record, timestampMs }: LostRecord): CountedEvent {
  const findings = { specVersion: 0, sequences: [], tooLate: false, incomplete: false };
  if (record.kind === "label") {
    return { kind: "label", applied: { ...findings, label: record.label, appliedAtMs: timestampMs, entityIds: [] } };
  }
  if (record.kind === "update") {
    return { kind: "update", applied: { ...findings, update: record.update, appliedAtMs: timestampMs, entityIds: [] } };
  }
  const { transaction } = record;
  return {
    kind: "payment",
    vector: { ...findings, transaction, values: [], computedAtMs: timestampMs, profileTimesMs: [] },
  };
}

function lostSentence(source: FeatureSource, { record }: LostRecord): string {
  const [id, card] = idAndCardOf(record);
  const place = `${TOPICS[source].name}/${record.partition}@${record.offset}`;
  return `${id} of card ${card} (${place}) was counted, but its result is not in the lake.`;
}

function idAndCardOf(record: LostRecord["record"]): readonly [id: string, card: string] {
  switch (record.kind) {
    case "payment":
      return [record.transaction.transactionId, record.transaction.cardToken];
    case "label":
      return [record.label.labelId, record.label.cardToken];
    case "update":
      return [record.update.updateId, record.update.cardToken];
  }
}
