import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { REDIS_PATIENCE_MS } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/service-kit/redis/connect-redis";
import { makeInstance, Outbox, payments, recordsOf } from "./testing/instance.js";

test("while Redis is out of memory a batch is retried, and it counts once there is memory", async () => {
  const directory = mkdtempSync(join(tmpdir(), "tripline-full-redis-"));
  const stack = await startStack({ directory, parts: ["redis"], isDurable: false, endOnSignals: false });
  const redis = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
  try {
    await awaitRedis(redis);
    const { handle, outbox } = makeInstance(redis, new Outbox());
    const log = recordsOf(payments(20, 8));
    await handle(log.slice(0, 10));
    await redis.config("SET", "maxmemory", "1");
    // An error that is retried forever and does not become a dead letter.
    await expect(handle(log.slice(10))).rejects.toMatchObject({ code: "redis-unavailable" });
    await redis.config("SET", "maxmemory", "0");
    await handle(log.slice(10));
    expect(outbox.sent).toHaveLength(20);
  } finally {
    redis.disconnect();
    await stack.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});
