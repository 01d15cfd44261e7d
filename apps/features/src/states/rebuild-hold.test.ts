import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { useRedis } from "../testing/instance.js";
import { LOOK_MS, REBUILD_KEY, RENEW_MS, RebuildHold, whileHeld } from "./rebuild-hold.js";

const { connect } = useRedis();

/** A hold that counts its requests. */
function counting(redis: Redis) {
  const asked = { times: 0, next: Promise.withResolvers<void>() };
  const hold = new RebuildHold({
    async exists(...keys: string[]) {
      const found = await redis.exists(...keys);
      asked.times += 1;
      asked.next.resolve();
      asked.next = Promise.withResolvers();
      return found;
    },
  } as Pick<Redis, "exists">);
  return { hold, asked };
}

test("without a rebuild, events are counted, and Redis gets at most four requests per second", async () => {
  const { hold, asked } = counting(await connect());
  const startedAtMs = performance.now();
  for (let batch = 0; batch < 200; batch += 1) await hold.passed();
  expect(asked.times).toBeLessThanOrEqual(1 + (performance.now() - startedAtMs) / LOOK_MS);
});

test("during a rebuild, no events are counted; afterwards, processing continues", async () => {
  const redis = await connect();
  const { hold, asked } = counting(redis);
  await redis.set(REBUILD_KEY, "somebody");
  let isPassed = false;
  const passed = hold.passed().then(() => {
    isPassed = true;
  });
  await asked.next.promise;
  await asked.next.promise;
  expect(isPassed).toBe(false);
  await redis.del(REBUILD_KEY);
  await passed;
});

test("a killed rebuild does not block the service for long: its key expires", async () => {
  const redis = await connect();
  await whileHeld(redis, async () => {
    const leftMs = await redis.pttl(REBUILD_KEY);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(30_000);
    await redis.pexpire(REBUILD_KEY, 2 * LOOK_MS);
    await new RebuildHold(redis).passed();
    expect(await redis.exists(REBUILD_KEY)).toBe(0);
  });
});

test("a rebuild does not set its key again after Redis lost it, so that the loss is noticed", async () => {
  const redis = await connect();
  await whileHeld(redis, async (held) => {
    expect(await redis.get(REBUILD_KEY)).toBe(held);
    await redis.flushdb();
    await delay(RENEW_MS + 200);
    expect(await redis.exists(REBUILD_KEY)).toBe(0);
  });
});

test("a rebuild that paused until its key expired leaves the key to the next rebuild", async () => {
  const redis = await connect();
  await whileHeld(redis, async () => {
    await redis.set(REBUILD_KEY, "the next one");
    await delay(RENEW_MS + 200);
    expect(await redis.get(REBUILD_KEY)).toBe("the next one");
  });
  expect(await redis.get(REBUILD_KEY)).toBe("the next one");
});

test("a wait of more than four seconds ends with an error, and the records are retried", async () => {
  const redis = await connect();
  await redis.set(REBUILD_KEY, "somebody");
  await expect(new RebuildHold(redis).passed()).rejects.toMatchObject({
    code: "state-incomplete",
    row: expect.objectContaining({ kafka: "retry" }),
  });
});

test("allows one rebuild at a time; each removes only its own key, even if it fails", async () => {
  const redis = await connect();
  await whileHeld(redis, async () => {
    await expect(whileHeld(redis, async () => "two at once")).rejects.toMatchObject({ code: "state-conflict" });
    expect(await redis.exists(REBUILD_KEY)).toBe(1);
  });
  const failing = whileHeld(redis, async () => {
    throw new Error("as the test wants it");
  });
  await expect(failing).rejects.toThrow("as the test wants it");
  expect(await redis.exists(REBUILD_KEY)).toBe(0);
  await whileHeld(redis, async () => void (await redis.set(REBUILD_KEY, "of another one")));
  expect(await redis.get(REBUILD_KEY)).toBe("of another one");
});
