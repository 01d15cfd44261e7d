import type { Topic } from "@tripline/contracts/topics";
import { isDeadLetterTopic } from "@tripline/contracts/topics";

const DAY_MS = 24 * 60 * 60 * 1_000;
/** Number of segments per retention period. Kafka keeps records longer than necessary by at most one segment. */
const SEGMENTS_PER_RETENTION = 24;

/** Larger than the limit for records, because dead letters have additional headers. */
export const DEAD_LETTER_BYTES_MAX = 2 * 1024 ** 2;

/**
 * Settings of a topic. Kafka deletes and compacts only whole segments, and never the active one. By default, a segment
 * stays active for seven days. A record with a retention of one day would therefore be kept for eight days, and a
 * deleted key of a compacted topic would keep its old value until half of the log had changed.
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
