import { StateReplacement } from "../rebuild/replace-states.js";
import { encodeMark, lostKey, NONE_FLAGGED } from "../states/complete-mark.js";
import { REBUILD_KEY } from "../states/rebuild-hold.js";
import { APPLIED_KEY, COMPLETE_KEY, engine, useRedis } from "../testing/instance.js";
import { LossFinder, readMark } from "./find-loss.js";

const { connect } = useRedis();

test("regression #33: a missing mark is a loss if it existed before, even if states of another layout exist", async () => {
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

test.each([
  ["restores its own states if they were lost", true],
  ["restores nothing if its own states were never complete", false],
])("regression #33: a worker that starts while Redis has states of another layout %s", async (_what, isLost) => {
  const redis = await connect();
  await redis.set("state-complete:other", "2026-12-01");
  if (isLost) await redis.set(lostKey(COMPLETE_KEY), "2026-12-01");
  const admin = { committedOffsets: async () => new Map([[0, 1]]) };
  expect(await new LossFinder(engine, redis, async () => admin).isLost()).toBe(isLost);
  // Without a mark, no snapshot is taken.
  expect(await readMark(redis, COMPLETE_KEY)).toBe(isLost ? null : "state-complete:other 2026-12-01");
});

test("regression #33: if a rebuild of complete states is killed, the next worker knows that they are lost", async () => {
  const redis = await connect();
  await redis.set(COMPLETE_KEY, encodeMark());
  await redis.set(REBUILD_KEY, "own");
  const replacement = new StateReplacement({
    redis,
    held: "own",
    appliedKeys: [APPLIED_KEY],
    completeKey: COMPLETE_KEY,
    prefixes: [],
    stateTtlSeconds: 1,
    onProgress() {},
  });
  await replacement.open();
  const states = {
    size: 1,
    entries(): never {
      throw new Error("killed");
    },
  };
  await expect(replacement.replace(states, new Map(), NONE_FLAGGED)).rejects.toThrow("killed");
  expect(await redis.exists(COMPLETE_KEY)).toBe(0);
  expect(await redis.exists(lostKey(COMPLETE_KEY))).toBe(1);
  await replacement.open();
  await replacement.replace({ size: 0, entries: () => [] }, new Map(), NONE_FLAGGED);
  expect(await redis.exists(COMPLETE_KEY)).toBe(1);
  expect(await redis.exists(lostKey(COMPLETE_KEY))).toBe(0);
});
