import { assignPartitions } from "./assign-partitions.js";

/** @param subscriptions topics by member, the leader first */
function assign(subscriptions: Readonly<Record<string, string[]>>) {
  const members = new Map(
    Object.entries(subscriptions).map(([memberId, topics]) => [memberId, { memberId, version: 1, topics }]),
  );
  const topics = new Map(
    ["labels", "updates"].map((id) => [id, { id, partitions: [], partitionsCount: 3, lastUpdate: 0 }]),
  );
  const [[leader, ofLeader] = ["", []]] = Object.entries(subscriptions);
  const metadata = { id: "", brokers: new Map(), controllerId: 0, topics, lastUpdate: 0 };
  return Object.fromEntries(
    assignPartitions(leader, members, new Set(ofLeader), metadata).map(({ memberId, assignments }) => [
      memberId,
      Object.fromEntries([...assignments.values()].map(({ topic, partitions }) => [topic, partitions])),
    ]),
  );
}

test("members with the same topics receive partitions in turn", () => {
  expect(assign({ a: ["labels", "updates"], b: ["labels", "updates"] })).toEqual({
    a: { labels: [0, 2], updates: [1] },
    b: { labels: [1], updates: [0, 2] },
  });
});

test.each([
  ["new", { new: ["labels", "updates"], old: ["labels"] }],
  ["old", { old: ["labels"], new: ["labels", "updates"] }],
])("the old member gets no unknown topic if the leader has the %s version", (_leader, subscriptions) => {
  const { old, new: other } = assign(subscriptions);
  expect(Object.keys(old ?? {})).toEqual(["labels"]);
  expect(other).toMatchObject({ updates: [0, 1, 2] });
});
