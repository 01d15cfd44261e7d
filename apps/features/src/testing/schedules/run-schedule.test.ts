import { testStack } from "@tripline/local-stack/testing/stack";
import { MemoryRedis } from "./memory-redis.js";
import { RealRedis } from "./real-redis.js";
import { trySchedules } from "./try-schedules.js";

/* Instances that start, lose partitions without noticing, get no reply, and conflict at shared terminals. */

const IN_MEMORY = 200;
const ON_REDIS = 10;

test(`${IN_MEMORY} schedules: every event is counted once in each of its states, regardless of the order of operations`, async () => {
  const { faults, counts } = await trySchedules(new MemoryRedis(), { count: IN_MEMORY });
  expect(faults).toEqual([]);
  // The test would prove nothing if instances never conflicted or nothing was lost.
  expect(Object.entries(counts).filter(([, times]) => times < IN_MEMORY / 10)).toEqual([]);
});

test(`${ON_REDIS} schedules on a real Redis, which watches keys as the in-memory one does`, async () => {
  const { redisUrl } = await testStack();
  const server = await RealRedis.connect(redisUrl);
  try {
    const real = await trySchedules(server, { count: ON_REDIS });
    expect(real.faults).toEqual([]);
    // The same seeds give the same steps and conflicts, so results in memory are also valid for Redis.
    expect(real.counts).toEqual((await trySchedules(new MemoryRedis(), { count: ON_REDIS })).counts);
  } finally {
    server.end();
  }
});
