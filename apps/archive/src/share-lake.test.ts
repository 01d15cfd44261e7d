import { setTimeout as delay } from "node:timers/promises";
import { TOPICS } from "@tripline/contracts/topics";
import { readinessOf, TestBench, until, untilReady } from "./testing/bench.js";
import { decisionOf, decisionRecord, labelOf, labelRecord, vectorOf, vectorRecord } from "./testing/records.js";

const { features, labels, decisions } = TOPICS;

let bench: TestBench;

beforeEach(async () => {
  bench = await TestBench.open();
});

afterEach(() => bench.close());

async function expectEachOnce(topic: string): Promise<void> {
  await bench.untilArchived(topic);
  const places = (await bench.rows(topic)).map((row) => `${row.kafka_partition}@${row.kafka_offset}`);
  const ends = [...(await bench.admin.endOffsets(topic))];
  const expected = ends.flatMap(([partition, end]) => Array.from({ length: end }, (_, at) => `${partition}@${at}`));
  expect(places.sort()).toEqual(expected.sort());
}

test("archives each record once while instances start and stop", async () => {
  let isEnough = false;
  let sent = 0;
  const produce = async () => {
    while (!isEnough) {
      const numbers = Array.from({ length: 40 }, () => sent++);
      await bench.send([
        ...numbers.map((number) => vectorRecord(vectorOf(number))),
        ...numbers.map((number) => labelRecord(labelOf(number))),
        ...numbers.map((number) => decisionRecord(decisionOf(number))),
      ]);
      await delay(10);
    }
  };
  const limits = { FLUSH_ROWS_MAX: "150", FLUSH_AGE_MS: "100" };
  const first = await bench.start(limits);
  const producing = produce();
  await untilReady(first);
  const second = await bench.start(limits);
  await untilReady(second);
  const third = await bench.start(limits);
  await untilReady(third);
  await first.close();
  await until("the others are ready again", async () => {
    const statuses = await Promise.all([second, third].map(async (service) => (await readinessOf(service)).status));
    return statuses.every((status) => status === 200);
  });
  await second.close();
  const goal = sent + 400;
  await until("more was sent", () => sent >= goal);
  isEnough = true;
  await producing;
  for (const { name } of [features, labels, decisions]) await expectEachOnce(name);
}, 240_000);

test("each of two instances archives its share of the partitions", async () => {
  const services = [await bench.start(), await bench.start()];
  await Promise.all(services.map(untilReady));
  await bench.send(Array.from({ length: 500 }, (_, number) => labelRecord(labelOf(number))));
  await expectEachOnce(labels.name);
  const [one] = services;
  await one?.close();
  await bench.send(Array.from({ length: 500 }, (_, number) => labelRecord(labelOf(500 + number))));
  await expectEachOnce(labels.name);
});
