import { randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { OffsetRange } from "@tripline/kafka/consumer/read-range";
import { readRange } from "@tripline/kafka/consumer/read-range";
import type { IncomingRecord, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { KAFKA, KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { countableEvent } from "../batches/countable-event.js";
import { FEATURE_ENGINE } from "../features.tokens.js";
import { FEATURES_GROUP } from "./state-completeness.js";

/** A gap with more records is not read, but assumed to contain events: a replica is only seconds behind. */
const RECORDS_MAX = 10_000;
const READ_MS_MAX = 15_000;

/** Rereads records that were handled but are missing from the states. They may be dead letters, which never count. */
@Injectable()
export class GapReader {
  constructor(
    @Inject(KAFKA) private readonly kafka: Kafka,
    @Inject(KAFKA_ADMIN) private readonly admin: Pick<KafkaAdmin, "startOffsets" | "endOffsets">,
    @Inject(FEATURE_ENGINE) private readonly engine: FeatureEngine,
  ) {}

  /**
   * Returns whether a range contains an event that the features service counts. If Kafka no longer has all records of the
   * range, returns false: lost writes are recent, so such old records were dead letters.
   *
   * @param range handled records
   * @throws TriplineError `kafka-unavailable`; `deadline-exceeded` if the range cannot be read within 15 s
   */
  async hasEvents(topic: string, partition: number, range: OffsetRange): Promise<boolean> {
    const { kafka, admin, engine } = this;
    const [starts, ends] = await Promise.all([admin.startOffsets(topic), admin.endOffsets(topic)]);
    // The topic was recreated, and the range belongs to the old topic.
    if ((ends.get(partition) ?? 0) < range.to) return false;
    if (range.from < (starts.get(partition) ?? 0)) return false;
    if (range.to - range.from > RECORDS_MAX) return true;
    let isFound = false;
    await readRange(kafka, {
      group: `${FEATURES_GROUP}-gap-${randomUUID()}`,
      topic,
      // The ranges of other partitions are empty, so that their records are not fetched.
      ranges: new Map([...ends].map(([each, end]) => [each, each === partition ? range : { from: end, to: end }])),
      readMsMax: READ_MS_MAX,
      handle({ records }) {
        isFound ||= records.some((record) => isCounted(engine, record));
      },
    });
    return isFound;
  }
}

/** If a record cannot be folded, it was a dead letter: folding does no I/O, so its errors are never temporary. */
function isCounted(engine: FeatureEngine, record: IncomingRecord): boolean {
  try {
    return countableEvent(engine, record) !== undefined;
  } catch {
    return false;
  }
}
