import type { GroupAssignment, GroupPartitionsAssigner } from "@platformatic/kafka";

/**
 * Assigns the partitions of each topic in turn, like the assigner of the library, but only to members that subscribe to
 * the topic. Members with different versions or feature specs may subscribe to different topics. A member that does not
 * know a topic would dead-letter its records.
 */
export const assignPartitions: GroupPartitionsAssigner = (_leader, members, ofLeader, metadata) => {
  const topics = new Set([...ofLeader, ...[...members.values()].flatMap((member) => member.topics ?? [])]);
  const assignments = [...members.keys()].map((memberId) => {
    return { memberId, assignments: new Map<string, GroupAssignment>() };
  });
  let turn = 0;
  for (const topic of topics) {
    const subscribers = assignments.filter(({ memberId }) => members.get(memberId)?.topics?.includes(topic));
    const partitions = metadata.topics.get(topic)?.partitionsCount ?? 0;
    for (let partition = 0; partition < partitions; partition += 1) {
      const own = subscribers[turn % subscribers.length]?.assignments;
      const known = own?.get(topic);
      if (known === undefined) own?.set(topic, { topic, partitions: [partition] });
      else known.partitions.push(partition);
      turn += 1;
    }
  }
  return assignments;
};
