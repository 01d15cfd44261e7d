import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { Cluster } from "ioredis";
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

describe("regression #33: in a cluster", () => {
  const newer = { command: async () => [["msetex"]] };
  const older = { command: async () => [null] };
  const dead = { command: () => Promise.reject(new Error("Connection is closed.")) };
  const silent = { command: () => new Promise(() => {}) };

  function stage(...masters: readonly object[]) {
    const cluster = new Cluster([{ host: "127.0.0.1", port: 1 }], { lazyConnect: true });
    const multiSet = new MultiSet(cluster);
    const become = (...others: readonly object[]) => Object.assign(cluster, { nodes: () => others });
    become(...masters);
    return { cluster, multiSet, become };
  }

  test("masters that do not respond are ignored, unless all of them fail", async () => {
    expect(await stage(newer, dead).multiSet.isKnown()).toBe(true);
    expect(await stage(older, newer, dead).multiSet.isKnown()).toBe(false);
    const { multiSet, become } = stage(dead, dead);
    await expect(multiSet.isKnown()).rejects.toThrow("Connection is closed.");
    become(newer, dead);
    expect(await multiSet.isKnown()).toBe(true);
  });

  test("a new node is checked while the last answer is used", async () => {
    const { cluster, multiSet, become } = stage(newer, newer);
    expect(await multiSet.isKnown()).toBe(true);
    for (const other of [silent, dead]) {
      become(newer, other);
      cluster.emit("+node");
      expect(await multiSet.isKnown()).toBe(true);
    }
    become(newer, older);
    cluster.emit("+node");
    expect(await multiSet.isKnown()).toBe(true);
    await nextTurn();
    expect(await multiSet.isKnown()).toBe(false);
  });
});
