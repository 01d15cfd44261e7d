import { once } from "node:events";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Redis } from "ioredis";
import { cardOf } from "../testing/events.js";
import { APPLIED_KEY, COMPLETE_KEY, keyOf, STORE_OPTIONS, TTL_SECONDS, useRedis } from "../testing/instance.js";
import { encodeApplied } from "./applied-batch.js";
import { lostKey } from "./complete-mark.js";
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
  const value = (offset: number) => Buffer.from(encodeApplied({ offset, emissions: [] }));

  async function open(committed?: { readonly next: number; readonly isCounted: boolean }) {
    const redis = await connect();
    const asked: number[] = [];
    const byKey = async () => {
      const isCountedFrom = async (offset: number) => {
        asked.push(offset);
        return committed?.isCounted ?? false;
      };
      return new Map(committed ? [[APPLIED_KEY, { next: committed.next, isCountedFrom }]] : []);
    };
    const store = new StateStore(redis, { ...STORE_OPTIONS, committed: { byKey } });
    const read = () => store.read([APPLIED_KEY], KEYS);
    const reconnect = async () => {
      const isBack = once(redis, "ready");
      redis.stream.destroy();
      await isBack;
    };
    /** @returns whether the states count as complete */
    const check = async () => {
      const { complete } = await read();
      expect(await store.isMarkedComplete()).toBe(complete);
      // Until lost states are restored, `snapshots` must know about the loss, even if it starts later.
      expect(await redis.exists(lostKey(COMPLETE_KEY))).toBe(complete ? 0 : 1);
      return complete;
    };
    return { redis, store, read, reconnect, check, asked };
  }

  async function countedTo(offset: number) {
    const { redis, store, read, reconnect, check } = await open();
    const other = await connect();
    await store.markComplete();
    const applied = [{ key: APPLIED_KEY, value: value(offset) }];
    expect(await store.compareAndSet({ snapshot: await read(), applied, states: [] })).toBe(true);
    /** @returns whether the states count as complete after a failover to a server with this offset */
    const failOver = async (at: number) => {
      await other.set(APPLIED_KEY, value(at));
      await reconnect();
      return check();
    };
    return { redis, other, read, reconnect, check, failOver };
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

  test.each([
    ["lack the last write of another instance", "4", 6, true, false],
    ["lack only dead letters", "4", 6, false, true],
    ["have all committed writes", "5", 6, true, true],
    ["have writes that are not committed yet", "6", 6, true, true],
    ["were loaded, and nothing was counted since", undefined, 6, true, true],
  ])(
    "regression #33: before an instance counts for the first time, it checks states that %s",
    async (_what, at, next, isCounted, isComplete) => {
      const { redis, store, check, asked, reconnect } = await open({ next, isCounted });
      await store.markComplete();
      if (at !== undefined) await redis.set(APPLIED_KEY, value(Number(at)));
      expect(await check()).toBe(isComplete);
      expect(asked).toEqual(at === "4" ? [5] : []);
      // The result is the same after every reconnect.
      await reconnect();
      expect(await check()).toBe(isComplete);
    },
  );

  test("regression #33: a topic that was recreated is not a loss", async () => {
    const { other, read, reconnect, check } = await countedTo(5);
    await other.del(APPLIED_KEY);
    await read();
    await other.set(APPLIED_KEY, value(0));
    await reconnect();
    expect(await check()).toBe(true);
  });

  test("counts nothing until Kafka responds", async () => {
    let requests = 0;
    const byKey = async () => {
      requests += 1;
      if (requests === 1) throw new TriplineError("kafka-unavailable", "as the test wants it");
      return new Map();
    };
    const store = new StateStore(await connect(), { ...STORE_OPTIONS, committed: { byKey } });
    const read = () => store.read([APPLIED_KEY], KEYS);
    await expect(read()).rejects.toMatchObject({ code: "kafka-unavailable" });
    await expect(read()).resolves.toMatchObject({ complete: false });
    await read();
    // Kafka is asked again only after a failure or a reconnect.
    expect(requests).toBe(2);
  });
});
