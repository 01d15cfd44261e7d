import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { REDIS_PATIENCE_MS } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { makeInstance, Outbox, payments, recordsOf } from "./testing/instance.js";
import { useOwnRedis } from "./testing/own-redis.js";

const SAVE_MS_MAX = 120_000;

const own = useOwnRedis();

/** Saves everything to disk, and says whether that worked. */
async function save(): Promise<string | undefined> {
  await own.admin.bgsave();
  const deadlineMs = performance.now() + SAVE_MS_MAX;
  for (;;) {
    const persistence = await own.admin.info("persistence");
    if (persistence.includes("rdb_bgsave_in_progress:0")) return /rdb_last_bgsave_status:(\w+)/.exec(persistence)?.[1];
    if (performance.now() > deadlineMs) throw new Error(`not saved within ${SAVE_MS_MAX} ms`);
    await delay(10);
  }
}

/** A folder instead of the file to which Redis saves, because root may write to any file. */
const inTheWay = () => join(own.directory, "redis", "dump.rdb");

const faults: readonly [what: string, begin: () => Promise<unknown>, end: () => Promise<unknown>][] = [
  [
    "is out of memory",
    () => own.admin.config("SET", "maxmemory", "1"),
    () => own.admin.config("SET", "maxmemory", "0"),
  ],
  [
    "cannot write to its disk",
    async () => {
      // After a failed save, Redis rejects writes only if automatic saving is configured.
      await own.admin.config("SET", "save", "3600 1000000");
      mkdirSync(inTheWay());
      expect(await save()).toBe("err");
    },
    async () => {
      rmdirSync(inTheWay());
      expect(await save()).toBe("ok");
    },
  ],
  [
    "does not let features write",
    () => own.admin.acl("SETUSER", "default", "-multi"),
    () => own.admin.acl("SETUSER", "default", "+multi"),
  ],
];

test.each(faults)("while Redis %s, a batch is retried; afterwards, it counts once", async (_what, begin, end) => {
  const redis = connectRedis(own.url, undefined, REDIS_PATIENCE_MS);
  try {
    await awaitRedis(redis);
    const { handle, outbox } = makeInstance(redis, new Outbox());
    const log = recordsOf(payments(20, 8));
    await handle(log.slice(0, 10));
    await begin();
    // An error that is retried forever and never dead-lettered.
    await expect(handle(log.slice(10))).rejects.toMatchObject({ code: "redis-unavailable" });
    await end();
    await handle(log.slice(10));
    expect(outbox.sent).toHaveLength(20);
  } finally {
    redis.disconnect();
  }
});
