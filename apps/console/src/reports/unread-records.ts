import type { KafkaAdmin } from "@tripline/kafka/port";

/**
 * The number of records that a consumer group has not read yet. Expired records are not counted.
 *
 * @param ends the offsets up to which records are counted, by partition. Default: the current end of the topic
 * @throws TriplineError `kafka-unavailable`
 */
export async function unreadRecords(
  admin: Pick<KafkaAdmin, "startOffsets" | "endOffsets" | "committedOffsets">,
  reading: { readonly group: string; readonly topic: string; readonly ends?: ReadonlyMap<number, number> },
): Promise<number> {
  const { group, topic, ends } = reading;
  const [wanted, starts, committed] = await Promise.all([
    ends ?? admin.endOffsets(topic),
    admin.startOffsets(topic),
    admin.committedOffsets(group, topic),
  ]);
  return [...wanted].reduce((unread, [partition, end]) => {
    const next = Math.max(committed.get(partition) ?? 0, starts.get(partition) ?? 0);
    return unread + Math.max(0, end - next);
  }, 0);
}
