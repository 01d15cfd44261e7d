import { COMPLETE_KEY, engine, useRedis } from "../testing/instance.js";
import { LossFinder } from "./find-loss.js";

const { connect } = useRedis();

test("regression #33: a missing mark is a loss if it was there before, even if there are states of another layout", async () => {
  const redis = await connect();
  const admin = { committedOffsets: async () => new Map([[0, 1]]) };
  const finder = new LossFinder(engine, redis, async () => admin);
  await redis.set("state-complete:other", "2026-12-01");
  expect(await finder.isLost()).toBe(false);
  await redis.set(COMPLETE_KEY, "2026-12-01");
  expect(await finder.isLost()).toBe(false);
  await redis.del(COMPLETE_KEY);
  expect(await finder.isLost()).toBe(true);
});
