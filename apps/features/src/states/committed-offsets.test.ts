import { TOPICS } from "@tripline/contracts/topics";
import { APPLIED_KEY, engine } from "../testing/instance.js";
import { CommittedOffsets } from "./committed-offsets.js";

test("returns the committed offset of each partition by the key of its applied batch", async () => {
  const asked: unknown[] = [];
  const admin = {
    clusterId: async () => "cluster",
    committedOffsets: async (_group: string, topic: string) =>
      new Map(topic === TOPICS.transactions.name ? [[0, 7]] : []),
  };
  const gaps = {
    async hasEvents(...gap: unknown[]) {
      asked.push(gap);
      return true;
    },
  };
  const found = await new CommittedOffsets(admin, gaps, engine, { KAFKA_TOPIC_PREFIX: "p." }).byKey();
  expect([...found].map(([key, { next }]) => [key, next])).toEqual([[APPLIED_KEY, 7]]);
  expect(await found.get(APPLIED_KEY)?.isCountedFrom(5)).toBe(true);
  expect(asked).toEqual([[TOPICS.transactions.name, 0, { from: 5, to: 7 }]]);
});
