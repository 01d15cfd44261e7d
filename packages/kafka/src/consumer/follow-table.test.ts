import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Admin } from "kafkajs";
import { platformaticLibrary } from "../client/platformatic/platformatic-library.js";
import { connectKafka } from "../connect-kafka.js";
import { clientOpener } from "../open-client.js";
import type { EventProducer, FollowedTable, FollowOptions, Kafka, KafkaAdmin, Log } from "../port.js";
import { FailingSockets } from "../testing/failing-sockets.js";
import { TestResources } from "../testing/test-resources.js";
import { followTable } from "./follow-table.js";

const ARRIVE_MS_MAX = 120_000;
/** Shorter than in a service, to keep tests fast. */
const QUIET_MS = 300;
const resources = new TestResources();
let brokers: string[];
let topicPrefix: string;
let kafka: Kafka;
let admin: KafkaAdmin;
let producer: EventProducer;

beforeEach(async () => {
  ({ kafkaBrokers: brokers, topicPrefix } = await testStack());
  kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  admin = resources.keep(await kafka.admin());
  await admin.ensureTopics();
  producer = resources.keep(await kafka.producer());
});

afterEach(() => resources.close());

const put = (key: string, value: string) =>
  producer.send([{ topic: "lists", key, value: Buffer.from(value), headers: {} }]);

/** Kafka operations that only tests need. */
async function withRawAdmin(work: (raw: Admin) => Promise<unknown>): Promise<void> {
  const client = clientOpener({ brokers, clientId: "raw", log: () => {} })({ requestMsMax: 5_000, retry: {} });
  const raw = client.kafka.admin();
  await raw.connect();
  try {
    await work(raw);
  } finally {
    await raw.disconnect();
    client.destroy();
  }
}

interface Following extends Partial<Pick<FollowOptions, "topic" | "apply">> {
  readonly log?: Log;
  readonly sockets?: FailingSockets;
}

/** An in-memory table, as a service keeps one. */
async function follow(refused: ReadonlySet<string> = new Set()): Promise<{
  table: FollowedTable;
  rows: Map<string, string>;
  until(key: string, value: string | undefined): Promise<void>;
}> {
  const rows = new Map<string, string>();
  const watchers = new Set<() => void>();
  const table = await kafka.follow({
    topic: "lists",
    group: "test",
    apply(changes) {
      for (const { key, value } of changes) {
        if (refused.has(key)) throw new TypeError(`cannot read ${key}`);
        if (value === undefined) rows.delete(key);
        else rows.set(key, value.toString());
      }
      for (const watch of watchers) watch();
    },
    onStop(error) {
      throw error;
    },
  });
  resources.keep(table);
  const until = (key: string, value: string | undefined) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${key} is ${rows.get(key)} still`)), ARRIVE_MS_MAX);
      const look = () => {
        if (rows.get(key) !== value) return;
        clearTimeout(timer);
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    });
  return { table, rows, until };
}

test("an empty table is ready", async () => {
  const { table, rows } = await follow();
  await table.ready;
  expect([table.isHealthy(), rows.size]).toEqual([true, 0]);
});

test("applies existing rows before it is ready, and each follower sees every later change", async () => {
  await put("a", "1");
  await put("b", "1");
  await put("a", "2");
  await put("b", "");
  const followers = await Promise.all([follow(), follow()]);
  await Promise.all(followers.map(({ table }) => table.ready));
  for (const { rows } of followers) expect([...rows]).toEqual([["a", "2"]]);
  await put("a", "");
  await put("c", "3");
  await Promise.all(followers.map(({ until }) => until("c", "3")));
  for (const { rows } of followers) expect([...rows]).toEqual([["c", "3"]]);
});

test("dead-letters a row that cannot be applied, and becomes ready with the others", async () => {
  for (const key of ["a", "bad", "c"]) await put(key, "1");
  const { table, rows } = await follow(new Set(["bad"]));
  await table.ready;
  expect([...rows.keys()]).toEqual(["a", "c"]);
});

test("closing ends the wait for a table that never arrived", async () => {
  const away = connectKafka({ brokers: ["127.0.0.1:9"], clientId: "test" });
  const table = await away.follow({ topic: "lists", group: "test", apply: () => {}, onStop: () => {} });
  expect(table.isHealthy()).toBe(false);
  const refused = expect(table.ready).rejects.toMatchObject({ code: "shutting-down" });
  await table.close();
  await refused;
});

/** Follows with a short quiet time. */
function followShortly({
  topic = "lists",
  apply = () => {},
  log = () => {},
  sockets = new FailingSockets(),
}: Following) {
  const library = platformaticLibrary({ brokers, clientId: "test", onSocket: sockets.adopt });
  const cluster = { brokers, clientId: "test" };
  const options = { topic, group: "test", apply, onStop: () => {} };
  return resources.keep(followTable({ library, cluster, topicPrefix, log }, options, QUIET_MS));
}

test("does not mistake an unresponsive Kafka for an empty table", async () => {
  await put("a", "1");
  await put("b", "1");
  const sockets = new FailingSockets();
  const assigned = Promise.withResolvers<void>();
  const log: Log = (_level, message) => {
    if (message !== "consumer: partitions assigned") return;
    // The end of the table is known at this point, and no record of it has arrived.
    sockets.hold();
    assigned.resolve();
  };
  const keys: string[] = [];
  const table = followShortly({ apply: (changes) => keys.push(...changes.map(({ key }) => key)), log, sockets });
  const keysWhenReady = table.ready.then(() => [...keys]);
  await assigned.promise;
  await delay(2 * QUIET_MS);
  sockets.release();
  expect(await keysWhenReady).toEqual(["a", "b"]);
});

test("is not ready while it retries a failing row", async () => {
  await put("a", "1");
  let isAway = true;
  const failed = Promise.withResolvers<void>();
  const table = followShortly({
    apply() {
      if (!isAway) return;
      failed.resolve();
      throw new TriplineError("kafka-unavailable", "as when its dead letter cannot be written");
    },
  });
  const awayWhenReady = table.ready.then(() => isAway);
  await failed.promise;
  await delay(2 * QUIET_MS);
  isAway = false;
  expect(await awayWhenReady).toBe(false);
});

test("is ready even if Kafka has deleted the last rows", async () => {
  // Kafka deletes records by offset only in topics without compaction.
  const topic = "drift-detected";
  const value = Buffer.from("1");
  await producer.send(["a", "b"].map((key) => ({ topic, key, value, headers: {} })));
  await withRawAdmin(async (raw) => {
    const name = topicPrefix + topic;
    // Makes kafkajs look up the partition's leader.
    await raw.fetchTopicOffsets(name);
    await raw.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: "2" }] });
  });
  const table = followShortly({ topic });
  await table.ready;
  expect(table.isHealthy()).toBe(true);
});

test("rereads a recreated topic from the beginning", async () => {
  for (const value of ["1", "2", "3"]) await put("a", value);
  const { table, until } = await follow();
  await table.ready;
  await withRawAdmin((raw) => raw.deleteTopics({ topics: [`${topicPrefix}lists`] }));
  await admin.ensureTopics();
  await put("a", "new");
  await until("a", "new");
});
