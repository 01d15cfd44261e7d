import { once } from "node:events";
import type { Redis } from "ioredis";
import { cardOf } from "../testing/events.js";
import { APPLIED_KEY, keyOf, STORE_OPTIONS, TTL_SECONDS, useRedis } from "../testing/instance.js";
import { encodeApplied } from "./applied-batch.js";
import { StateStore } from "./state-store.js";

const { connect } = useRedis();
const KEYS = [keyOf("card", cardOf(1)), keyOf("terminal", "t-1"), keyOf("terminal", "t-2")];
const [FIRST = ""] = KEYS;

/** Names of the commands that a connection sends from now on. */
function commandsOf(redis: Redis): string[] {
  const names: string[] = [];
  const send = redis.sendCommand.bind(redis);
  Object.assign(redis, {
    sendCommand(...given: Parameters<typeof send>) {
      names.push(given[0].name.toLowerCase());
      return send(...given);
    },
  });
  return names;
}

describe.each([
  ["one command for all states", true, ["multi", "set", "msetex", "exec"]],
  ["a command for each state", false, ["multi", "set", "set", "set", "set", "exec"]],
])("with %s", (_name, together, expected) => {
  async function open() {
    const redis = await connect();
    // The response of an older server that does not know the command.
    if (!together) Object.assign(redis, { command: async () => [null] });
    const store = new StateStore(redis, STORE_OPTIONS);
    const read = () => store.read([APPLIED_KEY], KEYS);
    const write = async (text: string, snapshot: Awaited<ReturnType<typeof read>>) => {
      const states = KEYS.map((key) => ({ key, value: Buffer.from(`${text} ${key}`) }));
      const applied = encodeApplied({ offset: text.length, emissions: [] });
      return store.compareAndSet({ snapshot, applied: [{ key: APPLIED_KEY, value: applied }], states });
    };
    return { redis, read, write };
  }

  test("each write renews the time to live of states; the progress does not expire", async () => {
    const { redis, read, write } = await open();
    expect(await write("first", await read())).toBe(true);
    for (const key of KEYS) await redis.expire(key, 10);
    const snapshot = await read();
    const commands = commandsOf(redis);
    expect(await write("second", snapshot)).toBe(true);
    expect(commands).toEqual(expected);
    for (const key of KEYS) {
      expect([key, await redis.get(key)]).toEqual([key, `second ${key}`]);
      const ttl = await redis.ttl(key);
      expect(ttl).toBeLessThanOrEqual(TTL_SECONDS);
      expect(ttl).toBeGreaterThan(TTL_SECONDS - 60);
    }
    expect(await redis.ttl(APPLIED_KEY)).toBe(-1);
  });

  test.each<[string, (other: Redis) => Promise<unknown>]>([
    ["changed", (other) => other.set(FIRST, "other")],
    ["removed", (other) => other.del(FIRST)],
    ["flushed with all others", (other) => other.flushdb()],
  ])("writes nothing if a state was concurrently %s", async (_change, disturb) => {
    const { redis, read, write } = await open();
    await write("first", await read());
    const snapshot = await read();
    await disturb(await connect());
    expect(await write("late", snapshot)).toBe(false);
    expect((await redis.mget(KEYS)).filter((value) => value?.startsWith("late"))).toEqual([]);
  });

  test("regression #12: writes nothing from an older snapshot, because its keys are no longer watched", async () => {
    const { redis, read, write } = await open();
    await write("first", await read());
    const older = await read();
    const newer = await read();
    expect(await write("older", older)).toBe(false);
    expect(await write("newer", newer)).toBe(true);
    expect(await redis.get(FIRST)).toBe(`newer ${FIRST}`);
  });

  test("writes only once from one snapshot, because a write ends the watch", async () => {
    const { redis, read, write } = await open();
    const snapshot = await read();
    expect(await write("once", snapshot)).toBe(true);
    expect(await write("twice", snapshot)).toBe(false);
    expect(await redis.get(FIRST)).toBe(`once ${FIRST}`);
  });
});

describe("after a failover", () => {
  async function countedTo(offset: number) {
    const [redis, other] = [await connect(), await connect()];
    const store = new StateStore(redis, STORE_OPTIONS);
    const value = (at: number) => encodeApplied({ offset: at, emissions: [] });
    await store.markComplete();
    const snapshot = await store.read([APPLIED_KEY], KEYS);
    const applied = [{ key: APPLIED_KEY, value: value(offset) }];
    expect(await store.compareAndSet({ snapshot, applied, states: [] })).toBe(true);
    /** @returns whether the states of a server with this offset count as complete */
    const failOver = async (at: number) => {
      await other.set(APPLIED_KEY, Buffer.from(value(at)));
      const isBack = once(redis, "ready");
      redis.stream.destroy();
      await isBack;
      const { complete } = await store.read([APPLIED_KEY], KEYS);
      expect(await store.isMarkedComplete()).toBe(complete);
      return complete;
    };
    return { failOver };
  }

  test.each([
    ["that lacks the last write", 4, false],
    ["that has all writes", 5, true],
  ])("regression #33: checks the states of a server %s", async (_what, offset, isComplete) => {
    const { failOver } = await countedTo(5);
    expect(await failOver(offset)).toBe(isComplete);
  });

  test("regression #33: checks the same writes again after the next failover", async () => {
    const { failOver } = await countedTo(5);
    expect(await failOver(5)).toBe(true);
    expect(await failOver(4)).toBe(false);
  });
});
