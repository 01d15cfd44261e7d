import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { appliedKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";
import { writeSnapshotFile } from "@tripline/lake/snapshot/write-snapshot";
import { TestArchive } from "@tripline/lake/testing/archive";
import { REDIS_PATIENCE_MS } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { encodeApplied } from "../states/applied-batch.js";
import { REBUILD_KEY } from "../states/rebuild-hold.js";
import { cardOf, paymentsOf, START_MS } from "../testing/events.js";
import { TestHistory } from "../testing/history.js";
import { COMPLETE_KEY, engine, keyOf } from "../testing/instance.js";
import type { RebuildStep } from "./rebuild-state.js";

const DAY_SECONDS = 86_400;

let history: TestHistory;

beforeEach(async () => {
  history = await TestHistory.open();
});
afterEach(() => history.close());

async function counted(name: string, count: number, at = history): Promise<void> {
  await at.producer.send(paymentsOf(name, count));
  await at.count();
}

const refusal = (code: string, ...words: string[]) =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(words.join(".*"))) });

const isMarked = async () => (await history.redis.exists(COMPLETE_KEY)) === 1;

const stored = () => history.stored();

/** Whether the service currently flags vectors as incomplete. */
async function isFlagged(name: string): Promise<boolean | undefined> {
  await history.producer.send(paymentsOf(name, 1));
  await history.serve();
  return history.isIncomplete(`${name}-0`);
}

describe("is rejected and changes nothing", () => {
  test("while the service has counted records that it has not committed", async () => {
    await counted("a", 5);
    await history.archive();
    const service = await history.startService();
    for (let tries = 0; tries < 1_000 && (await history.admin.groupMembers("features")) === 0; tries += 1);
    const [record] = await history.read(TOPICS.transactions.name);
    const topic = history.stack.topicPrefix + TOPICS.transactions.name;
    const key = appliedKey(await history.admin.clusterId(), topic, record?.partition ?? 0);
    await history.redis.set(key, Buffer.from(encodeApplied({ offset: 99, emissions: [] })));
    const before = await stored();
    await expect(history.rebuild({ restMs: 1_000 })).rejects.toEqual(
      refusal("state-conflict", "is not pausing", "1 of", "stop all"),
    );
    expect(await stored()).toEqual(before);
    await service.close();
    await history.rebuild();
  });

  test("while another rebuild is running, and that rebuild continues", async () => {
    await counted("a", 5);
    await history.archive(["features"]);
    const first = history.rebuild({ waitMs: 30_000 });
    for (let tries = 0; tries < 1_000 && (await history.redis.exists(REBUILD_KEY)) === 0; tries += 1);
    await expect(history.rebuild()).rejects.toEqual(refusal("state-conflict", "Another run"));
    await history.archive();
    await expect(first).resolves.toMatchObject({ events: 5 });
    expect(await history.redis.exists(REBUILD_KEY)).toBe(0);
  });

  test("while the archive lags, but not after it has caught up", async () => {
    await counted("a", 5);
    await history.archive(["features"]);
    const before = await stored();
    await expect(history.rebuild()).rejects.toEqual(
      refusal("deadline-exceeded", "5 records of", "transactions", "archive"),
    );
    expect(await stored()).toEqual(before);
    const waiting = history.rebuild({ waitMs: 30_000 });
    await history.archive();
    await expect(waiting).resolves.toMatchObject({ events: 5 });
  });

  test.each([
    ["cluster", (stack: { topicPrefix: string }) => ({ cluster: "other", topicPrefix: stack.topicPrefix })],
    ["prefix", () => ({ cluster: "", topicPrefix: "other." })],
  ])("if the lake belongs to another %s", async (_name, sourceOf) => {
    await counted("a", 3);
    const source = sourceOf(history.stack);
    const cluster = source.cluster === "" ? await history.admin.clusterId() : source.cluster;
    const other = await mkdtemp(join(tmpdir(), "tripline-rebuild-"));
    await new TestArchive(other, { ...source, cluster }).append("features", await history.read(TOPICS.features.name));
    await expect(history.rebuild({ lake: other })).rejects.toEqual(
      refusal("state-conflict", "other", "lake that belongs to this Kafka"),
    );
    await rm(other, { recursive: true });
  });

  test("if nothing is archived", async () => {
    await expect(history.rebuild()).rejects.toEqual(refusal("not-found", "archive of features"));
  });

  test("if neither the results nor the payments were archived", async () => {
    await counted("a", 6);
    await history.archiveWithout("features", (record) => record.offset === 0);
    await history.archiveWithout("transactions", (record) => record.offset === 0);
    await history.archive(["appliedLabels", "labels"]);
    const before = await stored();
    await expect(history.rebuild()).rejects.toEqual(
      refusal("state-conflict", "records of features were never archived", "@0", "transactions", "--partial"),
    );
    expect(await stored()).toEqual(before);
  });

  test("if Redis lost acknowledged writes, so that sequence numbers were assigned twice", async () => {
    await counted("a", 3);
    // Simulates a failover to a replica that lagged.
    const behind = await stored();
    await counted("b", 6);
    await history.redis.flushdb();
    for (const [key, value] of behind) await history.redis.set(key, value);
    await counted("c", 6);
    await history.archive();
    await expect(history.rebuild()).rejects.toEqual(
      refusal("state-conflict", "6 events have the same sequence number", "--partial"),
    );
    expect(await history.rebuild({ isPartial: true })).toMatchObject({ events: 15 });
    const state = engine.decodeState(1, await history.redis.getBuffer(keyOf("terminal", "t-1")));
    const counts = engine.readEntity(1, state, START_MS + 3_600_000);
    expect(counts[engine.entityFeatures(1).indexOf("terminal_count_1d")]).toBe(15);
    expect(await isFlagged("d")).toBe(false);
  });
});

describe("with a service that started from a snapshot", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tripline-snapshot-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function writeStates(states: ReadonlyMap<string, Buffer>, fingerprint = layoutFingerprint(engine.entities)) {
    const path = join(folder, `${fingerprint}.bin`);
    await writeSnapshotFile(path, { specVersion: engine.spec.version, fingerprint, entries: states.size }, states);
    return path;
  }

  /** Puts the states of a history that is not in the lake into Redis, as `tripline load-state` does. */
  async function loadHistory(): Promise<ReadonlyMap<string, Buffer>> {
    const earlier = await TestHistory.open();
    await counted("history", 9, earlier);
    const states = await earlier.states();
    await earlier.close();
    for (const [key, value] of states) await history.redis.set(key, value);
    await history.redis.set(COMPLETE_KEY, "loaded");
    return states;
  }

  test("is rejected without a snapshot or with one that has other windows, and resumes exactly from a matching one", async () => {
    const states = await loadHistory();
    await counted("a", 7);
    const before = await stored();
    await history.redis.flushdb();
    await history.archive();
    await expect(history.rebuild()).rejects.toEqual(refusal("state-conflict", "7 of 7 events are waiting", "--state"));
    const other = await writeStates(states, 1);
    await expect(history.rebuild({ statePath: other })).rejects.toEqual(refusal("state-unreadable", "other windows"));
    expect(await history.rebuild({ statePath: await writeStates(states) })).toMatchObject({ events: 7, repeated: 0 });
    const after = await stored();
    for (const [key, value] of before) if (key.startsWith("state:")) expect(after.get(key)).toEqual(value);
    await history.producer.send(paymentsOf("b", 6));
    await history.serve();
    const stateBefore = (key: string) => states.get(key) ?? null;
    expect(await history.differences(stateBefore)).toEqual({ counted: 13, stuck: 0, differing: [] });
  });

  test("excludes the records of the lake that the snapshot has already counted", async () => {
    await counted("history", 9);
    const states = await history.states();
    await counted("a", 7);
    const before = await stored();
    await history.redis.flushdb();
    await history.archive();
    const statePath = await writeStates(states);
    for (const mode of [{}, { isPartial: true }, { memoryBytes: 10_000 }]) {
      expect(await history.rebuild({ statePath, ...mode })).toMatchObject({ events: 7, repeated: 0 });
      const after = await stored();
      for (const [key, value] of before) if (key.startsWith("state:")) expect(after.get(key)).toEqual(value);
    }
  });
});

describe("while it runs", () => {
  async function lost(): Promise<void> {
    await counted("a", 12);
    await history.redis.flushdb();
    await history.archive();
  }

  test.each<[string, "watch" | "exists", number]>([
    ["before the first state is written", "watch", 1],
    ["before the mark is set", "watch", 2],
    ["exactly when the mark is set", "exists", 1],
  ])("detects a service that counts %s, and does not mark states as complete", async (_name, command, turn) => {
    await counted("a", 12);
    await history.redis.flushdb();
    await history.producer.send(paymentsOf("b", 1));
    await history.archive();
    const late = (await history.read(TOPICS.transactions.name)).filter(({ value }) => value.includes("b-0"));
    const processor = await history.processor();
    const redis = connectRedis(history.stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(redis);
    const sendRequest = redis[command].bind(redis) as (...keys: string[]) => Promise<unknown>;
    let turns = 0;
    const meanwhile = async (...keys: string[]) => {
      const answer = await sendRequest(...keys);
      turns += 1;
      const [first] = late;
      if (turns === turn && first !== undefined) {
        await (await processor.handle([{ topic: first.topic, partition: first.partition, records: late }])).finished;
      }
      return answer;
    };
    Object.assign(redis, { [command]: meanwhile });
    const attempt = history.rebuild({ redis });
    await expect(attempt).rejects.toEqual(refusal("state-conflict", "has counted more events in the meantime"));
    redis.disconnect();
    expect(await isMarked()).toBe(false);
    // The only instance has left, and everything that it counted has been emitted.
    await history.archive();
    expect(await history.rebuild()).toMatchObject({ events: 13, incomplete: 1 });
    expect(await isMarked()).toBe(true);
  });

  test("detects an event that was emitted late but counted before the loss, before anything changes", async () => {
    await lost();
    const before = await stored();
    let isLate = false;
    const onProgress = (step: RebuildStep) => {
      if (step === "find where to resume") isLate = true;
    };
    const admin = {
      clusterId: () => history.admin.clusterId(),
      groupMembers: (group: string) => history.admin.groupMembers(group),
      committedOffsets: (group: string, topic: string) => history.admin.committedOffsets(group, topic),
      async endOffsets(topic: string) {
        const [record] = isLate ? await history.read(TOPICS.features.name) : [];
        if (record !== undefined) await history.producer.send([record]);
        return history.admin.endOffsets(topic);
      },
    };
    await expect(history.rebuild({ admin, onProgress })).rejects.toEqual(
      refusal("state-conflict", "has counted more events in the meantime"),
    );
    expect(await stored()).toEqual(before);
  });

  test("leaves features flagged if it is interrupted, and can be run again", async () => {
    await lost();
    const onProgress = (step: RebuildStep) => {
      if (step === "write the states") throw new Error("killed");
    };
    await expect(history.rebuild({ onProgress })).rejects.toThrow("killed");
    expect(await isMarked()).toBe(false);
    expect(await isFlagged("b")).toBe(true);
    await history.archive();
    expect(await history.rebuild()).toMatchObject({ events: 13, incomplete: 1 });
    expect(await isFlagged("c")).toBe(false);
    expect(await history.differences()).toEqual({ counted: 14, stuck: 0, differing: [] });
  });

  test("removes an existing mark before it writes the first state", async () => {
    await counted("a", 12);
    await history.archive();
    const onProgress = (step: RebuildStep) => {
      if (step === "write the states") throw new Error("killed");
    };
    expect(await isMarked()).toBe(true);
    await expect(history.rebuild({ onProgress })).rejects.toThrow("killed");
    expect(await isMarked()).toBe(false);
    expect(await isFlagged("b")).toBe(true);
  });
});

test("makes states expire at the same time as without the loss", async () => {
  await counted("a", 3);
  await history.archive();
  await history.redis.flushdb();
  const realNow = Date.now;
  const ttl = () => history.redis.ttl(keyOf("card", cardOf(1)));
  try {
    Date.now = () => realNow() + 15 * DAY_SECONDS * 1000;
    await history.rebuild();
    expect(Math.abs((await ttl()) - 30 * DAY_SECONDS)).toBeLessThan(120);
    Date.now = () => realNow() + 45 * DAY_SECONDS * 1000;
    expect(await history.rebuild()).toMatchObject({ events: 3, states: 0 });
    expect(await history.redis.keys("state:*")).toEqual([]);
  } finally {
    Date.now = realNow;
  }
});
