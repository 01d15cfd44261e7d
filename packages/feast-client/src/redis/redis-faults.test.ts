import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { ManagedProcess } from "@tripline/local-stack/processes/managed-process";
import { provisionValkey } from "@tripline/local-stack/provision/provision-valkey";
import { planRedis } from "@tripline/local-stack/servers/plan-redis";
import { pauseProcess } from "@tripline/local-stack/testing/pause-process";
import { Redis } from "ioredis";
import { toRecords } from "../online-features.js";
import { SMALL_REGISTRY } from "../testing/small-registry.js";
import { encodeTimestamp } from "../values/timestamp.js";
import { EntityKeyEncoder } from "./entity-key.js";
import { FeastRedisClient } from "./feast-redis-client.js";
import { featureField, timestampField } from "./hash-field.js";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url)).replace(/\/$/, "");
const REQUEST = { features: ["stats:mean", "stats:count"], entities: [{ card_id: "c1" }] };
const ROWS = [{ entity: { card_id: "c1" }, features: { mean: 1.5, count: 3 }, eventTimestampMs: 1_000 }];
const KEY = new EntityKeyEncoder([{ name: "card_id", storedName: "card_id", type: "STRING" }], "small").encode(
  { card_id: "c1" },
  0,
);

/** Far longer than a response takes, even on a busy machine. */
const ANSWER_MS_MAX = 30_000;

let directory: string;
let valkey: ManagedProcess;
let redis: Redis;
let client: FeastRedisClient;

beforeAll(async () => {
  const server = await provisionValkey(ROOT);
  directory = mkdtempSync(join(tmpdir(), "feast-client-redis-"));
  const [port] = (await findFreePorts(1)) as [number];
  valkey = new ManagedProcess(planRedis({ directory, server, port }));
  await valkey.start();
  redis = new Redis(port, "127.0.0.1", { retryStrategy: () => 20 });
  // Without a listener, ioredis prints each lost connection.
  redis.on("error", () => {});
  client = new FeastRedisClient({ redis, registry: SMALL_REGISTRY, timeoutMs: ANSWER_MS_MAX });
});

afterAll(async () => {
  redis?.disconnect();
  await valkey?.kill();
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  await redis.flushall();
  await client.writeOnlineFeatures({ featureView: "stats", rows: ROWS });
});

test("reads what it wrote", async () => {
  expect(await client.getOnlineFeatures(REQUEST)).toEqual({
    featureNames: ["mean", "count"],
    rows: [{ values: [1.5, 3], statuses: ["PRESENT", "PRESENT"], eventTimestampsMs: [1_000, 1_000] }],
  });
});

test.each([
  ["is truncated", [0x29, 1, 2]],
  ["is of another wire type", [0x28, 1]],
  ["contains a string that is not UTF-8", [0x12, 1, 0xff]],
  ["is of a future type", [0xf8, 0x07, 1]],
  ["is text", [...Buffer.from("1.5")]],
])("reports a stored value that %s, and names the feature", async (_name, bytes) => {
  await redis.hset(KEY, featureField("stats", "mean"), Buffer.from(bytes));
  await expect(client.getOnlineFeatures(REQUEST)).rejects.toMatchObject({
    code: "malformed-response",
    field: "stats:mean",
    message: expect.stringContaining("stats:mean"),
  });
});

test("reports an unreadable stored timestamp with the name of a feature", async () => {
  await redis.hset(KEY, timestampField("stats"), Buffer.from([0xff, 0xff]));
  await expect(client.getOnlineFeatures(REQUEST)).rejects.toMatchObject({
    code: "malformed-response",
    field: "stats:mean",
  });
});

test("returns a value without a timestamp, but not a timestamp without a value", async () => {
  await redis.hdel(KEY, timestampField("stats"), featureField("stats", "count"));
  expect(await client.getOnlineFeatures(REQUEST)).toEqual({
    featureNames: ["mean", "count"],
    rows: [{ values: [1.5, null], statuses: ["PRESENT", "NOT_FOUND"], eventTimestampsMs: [null, null] }],
  });
  await redis.hset(KEY, timestampField("stats"), Buffer.from(encodeTimestamp(5_000, "")));
  expect((await client.getOnlineFeatures(REQUEST)).rows[0]?.eventTimestampsMs).toEqual([5_000, null]);
});

test("reports a key that is not a hash", async () => {
  await redis.set(KEY, "text");
  await expect(client.getOnlineFeatures(REQUEST)).rejects.toMatchObject({
    code: "malformed-response",
    message: expect.stringContaining("WRONGTYPE"),
  });
});

test("reads views with other join keys in the same round trip, and accepts rows with the keys of both", async () => {
  const rows = [{ entity: { terminal_id: 7 }, features: { mean: 9 }, eventTimestampMs: 1_000 }];
  await client.writeOnlineFeatures({ featureView: "other", rows });
  const aged = new FeastRedisClient({ redis, registry: SMALL_REGISTRY, timeoutMs: ANSWER_MS_MAX, nowMs: () => 2_001 });
  const answer = await aged.getOnlineFeatures({
    features: ["other:mean", "stats:mean", "stats:count"],
    entities: [{ card_id: "c1", terminal_id: 7 }],
    fullFeatureNames: true,
  });
  expect(answer).toEqual({
    featureNames: ["other__mean", "stats__mean", "stats__count"],
    rows: [
      {
        values: [9, 1.5, 3],
        statuses: ["OUTSIDE_MAX_AGE", "PRESENT", "PRESENT"],
        eventTimestampsMs: [1_000, 1_000, 1_000],
      },
    ],
  });
  const withBoth = { ...REQUEST, entities: [{ card_id: "c1", terminal_id: 7 }] };
  expect(toRecords(await client.getOnlineFeatures(withBoth))).toEqual([{ mean: 1.5, count: 3 }]);
});

test("uses the current content of a features array, even if the caller changed it since the last call", async () => {
  const features = ["stats:mean"];
  const read = async () => toRecords(await client.getOnlineFeatures({ ...REQUEST, features }));
  expect(await read()).toEqual([{ mean: 1.5 }]);
  features[0] = "stats:count";
  expect(await read()).toEqual([{ count: 3 }]);
  features.push("stats:mean");
  expect(await read()).toEqual([{ count: 3, mean: 1.5 }]);
  const full = await client.getOnlineFeatures({ ...REQUEST, features, fullFeatureNames: true });
  expect(toRecords(full)).toEqual([{ stats__count: 3, stats__mean: 1.5 }]);
});

test("abandons a Redis that hangs at the deadline, and limits unanswered commands", async () => {
  const bounded = new FeastRedisClient({ redis, registry: SMALL_REGISTRY, timeoutMs: 100, unansweredMax: 4 });
  await pauseProcess(valkey.pid ?? 0);
  try {
    const reads = Array.from({ length: 6 }, () => bounded.getOnlineFeatures(REQUEST).catch(({ code }) => code));
    expect((await Promise.all(reads)).sort()).toEqual([
      ...Array(4).fill("deadline-exceeded"),
      "overloaded",
      "overloaded",
    ]);
    // The timed-out commands are still waiting for Redis: no more are sent.
    await expect(bounded.getOnlineFeatures(REQUEST)).rejects.toMatchObject({ code: "overloaded" });
    // The connection's own timeout also counts as a deadline.
    const impatient = new Redis(redis.options.port ?? 0, "127.0.0.1", { commandTimeout: 50, enableReadyCheck: false });
    impatient.on("error", () => {});
    const other = new FeastRedisClient({ redis: impatient, registry: SMALL_REGISTRY, timeoutMs: 60_000 });
    await expect(other.getOnlineFeatures(REQUEST)).rejects.toMatchObject({ code: "deadline-exceeded" });
    impatient.disconnect();
    const controller = new AbortController();
    const read = client.getOnlineFeatures(REQUEST, { signal: controller.signal, timeoutMs: 60_000 });
    controller.abort(new Error("gone"));
    await expect(read).rejects.toMatchObject({ code: "aborted", cause: { message: "gone" } });
  } finally {
    process.kill(valkey.pid ?? 0, "SIGCONT");
  }
  await redis.ping();
  expect(toRecords(await bounded.getOnlineFeatures(REQUEST))).toEqual([{ mean: 1.5, count: 3 }]);
});

test("reports a Redis that is down as unavailable, unless it returns before the deadline", async () => {
  await valkey.kill();
  await expect(client.getOnlineFeatures(REQUEST, { timeoutMs: 100 })).rejects.toMatchObject({ code: "unavailable" });
  const read = client.getOnlineFeatures(REQUEST, { timeoutMs: 30_000 });
  await valkey.start();
  expect((await read).rows[0]?.statuses).toEqual(["NOT_FOUND", "NOT_FOUND"]);
});

test("reports a Redis that requires a password as unauthorized", async () => {
  const open = redis.options;
  const stranger = new Redis(open.port ?? 0, "127.0.0.1", { enableReadyCheck: false });
  stranger.on("error", () => {});
  try {
    await stranger.ping();
    await redis.acl("SETUSER", "default", "-hmget");
    const read = new FeastRedisClient({ redis: stranger, registry: SMALL_REGISTRY }).getOnlineFeatures(REQUEST);
    await expect(read).rejects.toMatchObject({ code: "unauthorized", message: expect.stringContaining("NOPERM") });
  } finally {
    await redis.acl("SETUSER", "default", "+hmget");
    stranger.disconnect();
  }
});
