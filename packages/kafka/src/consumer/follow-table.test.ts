import { testStack } from "@tripline/local-stack/testing/stack";
import { connectKafka } from "../connect-kafka.js";
import type { EventProducer, FollowedTable, Kafka } from "../port.js";
import { TestResources } from "../testing/test-resources.js";

const ARRIVE_MS_MAX = 30_000;
const resources = new TestResources();
let kafka: Kafka;
let producer: EventProducer;

beforeEach(async () => {
  const { kafkaBrokers: brokers, topicPrefix } = await testStack();
  kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  await resources.keep(await kafka.admin()).ensureTopics();
  producer = resources.keep(await kafka.producer());
});

afterEach(() => resources.close());

const put = (key: string, value: string) =>
  producer.send([{ topic: "lists", key, value: Buffer.from(value), headers: {} }]);

/** A table in memory, as a service keeps one. */
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

test("what was there is applied when it is ready, and each follower sees every change after that", async () => {
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

test("a row that cannot be applied becomes a dead letter, and the table is ready with those beside it", async () => {
  for (const key of ["a", "bad", "c"]) await put(key, "1");
  const { table, rows } = await follow(new Set(["bad"]));
  await table.ready;
  expect([...rows.keys()]).toEqual(["a", "c"]);
});

test("closing ends the wait for a table that Kafka never gave", async () => {
  const away = connectKafka({ brokers: ["127.0.0.1:9"], clientId: "test" });
  const table = await away.follow({ topic: "lists", group: "test", apply: () => {}, onStop: () => {} });
  expect(table.isHealthy()).toBe(false);
  const refused = expect(table.ready).rejects.toMatchObject({ code: "shutting-down" });
  await table.close();
  await refused;
});
