import type { Topic } from "@tripline/contracts/topics";
import { isDeadLetterTopic } from "@tripline/contracts/topics";

const DAY_MS = 24 * 60 * 60 * 1_000;
/** Segments into which the retention of a topic is divided: what is kept too long is at most one of them. */
const SEGMENTS_PER_RETENTION = 24;

/** A dead letter has more headers than its record: it must fit as the record did. */
export const DEAD_LETTER_BYTES_MAX = 2 * 1024 ** 2;

/**
 * Settings of a topic. Kafka deletes and compacts whole segments, and never the one that it writes to. By default a segment stays
 * open for seven days: a record that should live for a day would live for eight, and a key that was removed from a table would keep its
 * old value until half of the log had changed.
 */
export function topicConfig({ name, retentionDays }: Topic): Readonly<Record<string, string>> {
  const letters: Record<string, string> = isDeadLetterTopic(name)
    ? { "max.message.bytes": String(DEAD_LETTER_BYTES_MAX) }
    : {};
  if (retentionDays === undefined) {
    return {
      "cleanup.policy": "compact",
      "segment.ms": String(DAY_MS),
      "max.compaction.lag.ms": String(DAY_MS),
      ...letters,
    };
  }
  const retentionMs = retentionDays * DAY_MS;
  const segmentMs = Math.min(DAY_MS, retentionMs / SEGMENTS_PER_RETENTION);
  return { "retention.ms": String(retentionMs), "segment.ms": String(segmentMs), ...letters };
}
