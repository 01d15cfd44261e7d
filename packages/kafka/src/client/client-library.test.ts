import { TOPICS } from "@tripline/contracts/topics";
import { testStack } from "@tripline/local-stack/testing/stack";
import { AdministeredKafka } from "../administered-kafka.js";
import type { ConnectionOptions } from "../open-client.js";
import { FailingSockets } from "../testing/failing-sockets.js";
import { kafkajsLibrary } from "../testing/kafkajs-library.js";
import { TestResources } from "../testing/test-resources.js";
import { settlesWithin } from "../wait-backoff.js";
import type {
  Assigned,
  ClientConsumer,
  ClientLibrary,
  ClientProducer,
  FetchedRecord,
  Place,
  RawRecord,
} from "./client-library.js";
import { platformaticLibrary } from "./platformatic/platformatic-library.js";

const PARTITIONS = 6;
const MANY_PARTITIONS = 24;
const WAIT_MS_MAX = 120_000;
const REQUEST_MS_MAX = 5_000;
const LEAVE_MS_MAX = 2_000;

type Open = (cluster: ConnectionOptions) => ClientLibrary;

const LIBRARIES = [
  ["platformatic", platformaticLibrary],
  ["kafkajs", kafkajsLibrary],
] as const satisfies readonly (readonly [name: string, open: Open])[];
/** Services use the first; nightly runs also test the other. */
const TESTED = process.env.LONG_TESTS === "all" ? LIBRARIES : LIBRARIES.slice(0, 1);

const log = () => {};
const resources = new TestResources();
let brokers: string[];
let topicPrefix: string;
let admin: AdministeredKafka;

/** Separate topics for each test. */
beforeEach(async () => {
  ({ kafkaBrokers: brokers, topicPrefix } = await testStack());
  const topics = [
    { ...TOPICS.labels, name: "six", partitions: PARTITIONS },
    { ...TOPICS.labels, name: "many", partitions: MANY_PARTITIONS },
  ];
  admin = resources.keep(new AdministeredKafka({ cluster: { brokers, clientId: "test" }, topicPrefix, log, topics }));
  await admin.ensureTopics();
});

afterEach(() => resources.close());

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A consumer of one library, with the events that it received. */
class Member {
  readonly records: FetchedRecord[] = [];
  readonly failures: unknown[] = [];
  assignments: Assigned[] = [];
  isFetching = false;
  aliveTimes = 0;
  answers = 0;
  /** Whether fetched records are accepted. */
  accepts: (place: Place, offset: number) => boolean = () => true;
  readonly sockets = new FailingSockets();
  readonly consumer: ClientConsumer;
  #isClosed = false;

  constructor(open: Open, group: string, topic = "six", fetchMs = 50) {
    const options = {
      ...{ group: topicPrefix + group, topics: [topicPrefix + topic], topicPrefix, requestMsMax: REQUEST_MS_MAX },
      ...{ sessionMs: 6_000, heartbeatMs: 500, rebalanceMs: 10_000, bytesPerPartition: 1024 ** 2 },
      ...{ fetchMs, partialFetchMs: 50 },
    };
    this.consumer = open({ brokers, clientId: "test", log, onSocket: this.sockets.adopt }).consumer(options, {
      alive: () => {
        this.aliveTimes += 1;
      },
      assigned: (partitions) => void this.assignments.push(partitions),
      fetching: () => {
        this.isFetching ||= this.assignments.length > 0;
      },
      answered: () => {
        this.answers += 1;
      },
      records: (place, { askedFrom, records }) => {
        if (!this.accepts(place, askedFrom)) return false;
        this.records.push(...records);
        return true;
      },
      failing() {},
      failed: (error) => void this.failures.push(error),
    });
    resources.keep(this);
  }

  async start(): Promise<this> {
    await this.consumer.start();
    await until(() => this.isFetching, "the first fetch");
    return this;
  }

  get partitions(): readonly number[] {
    return (this.assignments.at(-1)?.[`${topicPrefix}six`] ?? []).toSorted((a, b) => a - b);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Without a connection, a library may wait indefinitely.
    await settlesWithin(LEAVE_MS_MAX, this.consumer.leave());
    this.consumer.destroy();
  }
}

async function producerOf(open: Open, sockets = new FailingSockets()): Promise<ClientProducer> {
  const producer = open({ brokers, clientId: "test", log, onSocket: sockets.adopt }).producer({ requestMsMax: 2_000 });
  await producer.connect();
  resources.keep(producer);
  return producer;
}

const record = (key: string | null, value: string | null, headers: RawRecord["headers"] = []): RawRecord => ({
  ...{ key, headers },
  value: value === null ? null : Buffer.from(value),
});

const sent = (records: readonly RawRecord[], topic = "six") =>
  records.map((each) => ({ topic: topicPrefix + topic, record: each, sizeBytes: 100 }));

const numbered = (count: number, from = 0) =>
  [...Array(count).keys()].map((index) => record(`key-${(index + from) % 40}`, `${index + from}`));

const textsOf = (records: readonly FetchedRecord[]) => records.map(({ value }) => value.toString());
const inOrder = (texts: readonly string[]) => texts.toSorted((a, b) => Number(a) - Number(b));

describe.each(TESTED)("%s", (_name, open) => {
  test("keeps a record's bytes, order and header names, and a missing value", async () => {
    const producer = await producerOf(open);
    const odd: RawRecord["headers"] = [
      ["a", "1"],
      ["a", Buffer.from([0xff])],
    ];
    await producer.send(sent([{ key: Buffer.from([0xc3, 0x28]), value: Buffer.from([0, 255]), headers: odd }]));
    await producer.send(sent([record("k", null)]));
    const { records } = await new Member(open, "bytes").start();
    await until(() => records.length === 2, "both records");
    const [first, second] = records.toSorted((a, b) => b.value.length - a.value.length);
    const names = [Buffer.from("a"), Buffer.from("a")].map(String);
    expect(first).toMatchObject({
      topic: "six",
      value: Buffer.from([0, 255]),
      raw: { key: Buffer.from([0xc3, 0x28]) },
    });
    const { headers } = Object(first?.raw);
    expect(headers.map(([name]: readonly unknown[]) => String(name))).toEqual(names);
    expect(headers.map(([, value]: readonly unknown[]) => value)).toEqual([Buffer.from("1"), Buffer.from([0xff])]);
    expect(second).toMatchObject({ key: "k", value: Buffer.alloc(0), raw: { value: null } });
  });

  test.each([
    ["six", PARTITIONS],
    ["many", MANY_PARTITIONS],
  ])("distributes keys of the topic %s across %d partitions, and keeps their order", async (topic, count) => {
    const producer = await producerOf(open);
    for (let from = 0; from < 2_000; from += 500) await producer.send(sent(numbered(500, from), topic));
    const { records } = await new Member(open, "order", topic).start();
    await until(() => records.length === 2_000, "all records");
    expect(new Set(records.map(({ partition }) => partition)).size).toBeGreaterThan(count / 2);
    for (const each of Map.groupBy(records, ({ key }) => key).values()) {
      expect(textsOf(each)).toEqual(inOrder(textsOf(each)));
      expect(new Set(each.map(({ partition }) => partition)).size).toBe(1);
    }
  });

  test("a group resumes at its committed offset, and otherwise at the oldest record", async () => {
    const producer = await producerOf(open);
    await producer.send(sent(numbered(200)));
    const first = await new Member(open, "commits").start();
    await until(() => first.records.length === 200, "all records");
    const committed = first.records.filter(({ partition }) => partition < 3);
    const offsets = [...Map.groupBy(committed, ({ partition }) => partition)].map(([partition, each]) => ({
      ...{ topic: `${topicPrefix}six`, partition },
      offset: Math.max(...each.map(({ offset }) => offset)) + 1,
    }));
    await first.consumer.commit(offsets);
    await first.close();
    const second = await new Member(open, "commits").start();
    await until(() => second.records.length === 200 - committed.length, "what was not committed");
    expect(second.records.every(({ partition }) => partition >= 3)).toBe(true);
  });

  test("redelivers a rejected record, pauses a partition, and continues after a seek", async () => {
    const producer = await producerOf(open);
    await producer.send(sent(numbered(100).map((each) => ({ ...each, key: "one key" }))));
    const member = new Member(open, "flow");
    let refusals = 0;
    let place: Place | undefined;
    member.accepts = (at) => {
      refusals += 1;
      if (refusals <= 2) return false;
      place = at;
      member.consumer.pause(at);
      return true;
    };
    await member.start();
    await until(() => member.records.length === 100, "the refused records");
    await producer.send(sent(numbered(10, 100).map((each) => ({ ...each, key: "one key" }))));
    const others = await new Member(open, "others").start();
    await until(() => others.records.length === 110, "what another group reads");
    expect(member.records).toHaveLength(100);
    if (place === undefined) throw new Error("nothing was fetched");
    member.consumer.seek(place, 95);
    member.accepts = () => true;
    member.consumer.resume(place);
    await until(() => member.records.length >= 115, "the records after the seek");
    expect(textsOf(member.records.slice(100))).toEqual([...Array(15).keys()].map((index) => `${95 + index}`));
  });

  test("a member that is cut off loses its partitions to the other, and is notified when it returns", async () => {
    const [first, second] = [await new Member(open, "shared").start(), new Member(open, "shared")];
    await second.consumer.start();
    await until(() => first.partitions.length === 3 && second.partitions.length === 3, "halves");
    expect([...first.partitions, ...second.partitions].toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    second.sockets.cut();
    await until(() => first.partitions.length === 6, "all partitions at the other");
    const producer = await producerOf(open);
    await producer.send(sent(numbered(100)));
    await until(() => first.records.length === 100, "all records");
    expect(first.failures).toEqual([]);
  });

  test("repeats a request with its sequence number after a lost response, so Kafka stores it once", async () => {
    const sockets = new FailingSockets();
    const producer = await producerOf(open, sockets);
    await producer.send(sent([record("k", "0")]));
    sockets.mute();
    const sending = producer.send(sent([record("k", "1")]));
    await new Promise((resolve) => setTimeout(resolve, 300));
    sockets.unmute();
    await sending;
    await producer.send(sent([record("k", "2")]));
    const { records } = await new Member(open, "once").start();
    await until(() => records.length >= 3, "all records");
    expect(textsOf(records)).toEqual(["0", "1", "2"]);
  });

  test("a destroyed client sends nothing more and does not reconnect", async () => {
    const producer = await producerOf(open);
    const member = await new Member(open, "gone").start();
    producer.destroy();
    await expect(producer.send(sent([record("k", "late")]))).rejects.toThrow();
    member.consumer.destroy();
    const { aliveTimes } = member;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(member.aliveTimes).toBe(aliveTimes);
    expect(member.consumer.isConnected()).toBe(false);
    expect(Math.max(...(await admin.endOffsets("six")).values())).toBe(0);
  });
});

test("regression #26: an idle member fetches rarely, but often while a partition is paused, to include it again soon", async () => {
  const member = await new Member(platformaticLibrary, "idle", "six", 1_000).start();
  const place = { topic: `${topicPrefix}six`, partition: 3 };
  const { answers } = member;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(member.answers - answers).toBeLessThanOrEqual(2);
  member.consumer.pause(place);
  const paused = member.answers;
  await until(() => member.answers >= paused + 10, "frequent answers");
  member.consumer.resume(place);
  await (await producerOf(platformaticLibrary)).send(sent(numbered(100)));
  await until(() => member.records.length === 100, "the records of all partitions");
});

test("members of both libraries share a group, as during an upgrade", async () => {
  const old = await new Member(kafkajsLibrary, "mixed").start();
  const fresh = new Member(platformaticLibrary, "mixed");
  await fresh.consumer.start();
  await until(() => old.partitions.length === 3 && fresh.partitions.length === 3, "halves");
  await (await producerOf(platformaticLibrary)).send(sent(numbered(100)));
  await (await producerOf(kafkajsLibrary)).send(sent(numbered(100, 100)));
  await until(() => old.records.length + fresh.records.length === 200, "all records");
  for (const each of Map.groupBy([...old.records, ...fresh.records], ({ key }) => key).values()) {
    expect(new Set(each.map(({ partition }) => partition)).size).toBe(1);
  }
  await old.close();
  await until(() => fresh.partitions.length === 6, "all partitions at the new one");
  await new Member(kafkajsLibrary, "mixed").consumer.start();
  await until(() => fresh.partitions.length === 3, "halves again");
});
