import { randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { OffsetRange } from "@tripline/kafka/consumer/read-range";
import { readRange } from "@tripline/kafka/consumer/read-range";
import type { Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { KAFKA, KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { countableEvent } from "../batches/countable-event.js";
import { FEATURE_ENGINE } from "../features.tokens.js";
import { FEATURES_GROUP } from "./state-completeness.js";

/** A longer gap is not read: it is assumed to contain events. */
const RECORDS_MAX = 10_000;
const READ_MS_MAX = 15_000;

/** Reads records again that were handled but have no states: they may be dead letters, which are never counted. */
@Injectable()
export class GapReader {
  constructor(
    @Inject(KAFKA) private readonly kafka: Kafka,
    @Inject(KAFKA_ADMIN) private readonly admin: Pick<KafkaAdmin, "startOffsets" | "endOffsets">,
    @Inject(FEATURE_ENGINE) private readonly engine: FeatureEngine,
  ) {}

  /**
   * Whether a range contains an event that features counts. Also true if Kafka no longer has all records of the range or
   * if they cannot be read within 15 s, because the caller must assume the worst.
   *
   * @param range handled records
   * @throws TriplineError `kafka-unavailable`
   */
  async hasEvents(topic: string, partition: number, range: OffsetRange): Promise<boolean> {
    const { kafka, admin, engine } = this;
    const [starts, ends] = await Promise.all([admin.startOffsets(topic), admin.endOffsets(topic)]);
    // The topic was recreated, and these were records of the old one.
    if ((ends.get(partition) ?? 0) < range.to) return false;
    if (range.from < (starts.get(partition) ?? 0) || range.to - range.from > RECORDS_MAX) return true;
    let isFound = false;
    try {
      await readRange(kafka, {
        group: `${FEATURES_GROUP}-gap-${randomUUID()}`,
        topic,
        ranges: new Map([[partition, range]]),
        readMsMax: READ_MS_MAX,
        handle({ records }) {
          isFound ||= records.some((record) => countableEvent(engine, record) !== undefined);
        },
      });
    } catch (thrown) {
      if (asTriplineError(thrown).code !== "deadline-exceeded") throw thrown;
      return true;
    }
    return isFound;
  }
}
