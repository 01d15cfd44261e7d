import { once } from "node:events";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "./connect-redis.js";
import { MultiSet } from "./multi-set.js";

test("checks the server once per connection, since the next server may be older", async () => {
  const redis = connectRedis((await testStack()).redisUrl, undefined, REDIS_PATIENCE_MS);
  try {
    await awaitRedis(redis);
    const multiSet = new MultiSet(redis);
    expect(await multiSet.isKnown()).toBe(true);
    // The response of an older server without the command.
    Object.assign(redis, { command: async () => [null] });
    expect(await multiSet.isKnown()).toBe(true);
    const isBack = once(redis, "ready");
    redis.stream.destroy();
    await isBack;
    expect(await multiSet.isKnown()).toBe(false);
  } finally {
    redis.disconnect();
  }
});
