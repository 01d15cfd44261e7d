import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOPICS } from "@tripline/contracts/topics";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { readinessOf, TestBench, until, untilReady } from "./testing/bench.js";
import { labelOf, labelRecord } from "./testing/records.js";

const STACK_MS_MAX = 120_000;
const TOPIC = TOPICS.labels.name;

let directory: string;
let stack: LocalStack;
let bench: TestBench;
let tests = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tripline-archive-kafka-"));
  stack = await startStack({ directory, parts: ["kafka"], isDurable: false });
}, STACK_MS_MAX);

afterAll(async () => {
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
}, STACK_MS_MAX);

beforeEach(async () => {
  tests += 1;
  bench = await TestBench.open({ kafkaBrokers: stack.kafkaBrokers, topicPrefix: `t${tests}.` });
});

afterEach(() => bench.close());

let next = 0;

async function produce(count: number): Promise<void> {
  await bench.send(Array.from({ length: count }, () => labelRecord(labelOf(next++))));
}

async function expectEachOnce(): Promise<void> {
  await bench.untilArchived(TOPIC);
  const places = (await bench.rows(TOPIC)).map((row) => `${row.kafka_partition}@${row.kafka_offset}`);
  const ends = [...(await bench.admin.endOffsets(TOPIC))];
  const expected = ends.flatMap(([partition, end]) => Array.from({ length: end }, (_, at) => `${partition}@${at}`));
  expect(places.sort()).toEqual(expected.sort());
}

test(
  "is not ready while Kafka is down, and resumes when Kafka is back",
  async () => {
    const service = await bench.start({ FLUSH_AGE_MS: "500" });
    await produce(200);
    await bench.untilArchived(TOPIC);
    await untilReady(service);
    await produce(200);
    await stack.kafka.kill();
    await until("not ready", async () => (await readinessOf(service)).checks.kafka !== "ok");
    expect((await readinessOf(service)).checks.lake).toBe("ok");
    await stack.kafka.start();
    await untilReady(service);
    await produce(200);
    await expectEachOnce();
  },
  STACK_MS_MAX,
);

test("is not ready while the lake is not writable, says why, and afterwards has neither lost nor duplicated rows", async () => {
  const service = await bench.start({ FLUSH_ROWS_MAX: "50" });
  await produce(100);
  await bench.untilArchived(TOPIC);
  // Simulates a lost volume: a file replaces the folder.
  await rename(bench.lake, `${bench.lake}.away`);
  await writeFile(bench.lake, "");
  await produce(2_000);
  await until("a sentence", async () =>
    /Free disk space in the lake's folder/.test((await readinessOf(service)).checks.lake ?? ""),
  );
  const { status, checks } = await readinessOf(service);
  expect([status, checks.kafka]).toEqual([503, "ok"]);
  expect((await fetch(`${service.url}/health/live`)).status).toBe(200);

  await rm(bench.lake);
  await rename(`${bench.lake}.away`, bench.lake);
  await untilReady(service);
  await expectEachOnce();
});

test("creates a lake later if it cannot create it at startup", async () => {
  await rm(bench.lake, { recursive: true });
  await writeFile(bench.lake, "");
  const service = await bench.start();
  await produce(100);
  await until("a sentence", async () =>
    /^The folder .* cannot be created/.test((await readinessOf(service)).checks.lake ?? ""),
  );
  await rm(bench.lake);
  await untilReady(service);
  await expectEachOnce();
});
