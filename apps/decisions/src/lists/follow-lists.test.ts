import { encodeMessage } from "@tripline/contracts/encode-message";
import { Decision, ListEntry, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DEAD_LETTER_HEADERS } from "@tripline/contracts/headers";
import { writeListKey } from "@tripline/contracts/lists/list-key";
import { deadLetterTopic, TABLES, TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventConsumer, EventProducer, IncomingRecord } from "@tripline/kafka/port";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { decisionsConfig } from "../config.js";
import { startDecisions } from "../start-decisions.js";
import { payment } from "../testing/payment.js";

const NOW_MS = Date.now();
const HOUR_MS = 3_600_000;
const OTHERS = 5_000;
/** More payments than can be decided before a change arrives, so that the test needs no timeout. */
const TRIES_MAX = 1_000;

let stack: TestStack;
let producer: EventProducer;
let listener: EventConsumer;
let service: RunningService | undefined;
const records: IncomingRecord[] = [];
let wake = () => {};

beforeAll(async () => {
  stack = await testStack();
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, topicPrefix: stack.topicPrefix, clientId: "test" });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  producer = await kafka.producer();
  listener = await kafka.consume({
    group: "test-inbox",
    topics: [TOPICS.decisions.name, deadLetterTopic(TABLES.lists.name)],
    handle: async (batches) => {
      records.push(...batches.flatMap((batch) => batch.records));
      wake();
    },
    onStop: () => {},
  });
  await listener.ready;
});
afterAll(async () => {
  await service?.close();
  await listener?.close();
  await producer?.close();
});

const start = () =>
  startDecisions(
    readConfig(decisionsConfig, {
      PORT: "0",
      LOG_LEVEL: "silent",
      KAFKA_BROKERS: stack.kafkaBrokers.join(","),
      KAFKA_TOPIC_PREFIX: stack.topicPrefix,
      REDIS_URL: stack.redisUrl,
      REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS),
      SCORING_ADDRESS: "127.0.0.1:9",
      SCORING_WAIT_MS_MAX: "0",
    }),
  );

async function until(enough: (record: IncomingRecord) => boolean): Promise<IncomingRecord> {
  for (;;) {
    const found = records.find(enough);
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

async function decided(id: string): Promise<Decision> {
  const { value } = await until(
    ({ topic, value: bytes }) => topic === TOPICS.decisions.name && Decision.decode(bytes).transactionId === id,
  );
  return Decision.decode(value);
}

function entry(change: Partial<ListEntry>): ListEntry {
  const usual = {
    tenant: "demo",
    list: "deny",
    kind: "card",
    value: "ct_none",
    effect: "deny",
    reason: "Reported stolen",
  };
  return { ...usual, author: "ana", createdAtMs: NOW_MS, ...change };
}

const recordOf = (one: ListEntry, value = encodeMessage(ListEntry, one)) => {
  return { topic: TABLES.lists.name, key: writeListKey(one), value, headers: {} };
};

/** Sends payments of one device until one has the expected decision. */
async function untilOutcome(outcome: Outcome, deviceToken: string): Promise<Decision> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { id, record } = payment({ transaction: { deviceToken } });
    await producer.send([record]);
    const decision = await decided(id);
    if (decision.outcome === outcome) return decision;
  }
  throw new Error(`No payment of ${deviceToken} was decided ${Outcome[outcome]}.`);
}

test("entries written before startup apply to the first payment", async () => {
  const { id, record } = payment();
  const denied = entry({ value: record.key, expiresAtMs: NOW_MS + HOUR_MS });
  const others = Array.from({ length: OTHERS }, (_, index) => entry({ kind: "terminal", value: `t-${index}` }));
  await producer.send([...others, denied].map((one) => recordOf(one)));
  await producer.send([record]);
  service = await start();
  const { outcome, reasons, listHits } = await decided(id);
  expect([outcome, reasons.map(({ code }) => code)]).toEqual([Outcome.DECLINE, ["ON_DENY_LIST"]]);
  expect(reasons[0]?.text).toMatch(/^The card is on the list "deny" until .* UTC: Reported stolen\.$/);
  const { createdAtMs, expiresAtMs, reason } = denied;
  expect(listHits).toEqual([{ list: "deny", kind: "card", effect: "deny", reason, createdAtMs, expiresAtMs }]);
  const report: unknown = await (await fetch(`${service.url}/health/ready`)).json();
  expect(report).toMatchObject({ checks: { lists: "ok" } });
});

test("an entry applies from its arrival until its removal", async () => {
  service ??= await start();
  const deviceToken = `dt_${"a".repeat(32)}`;
  const watched = entry({ list: "mules", effect: "watch", kind: "device", value: deviceToken });
  await producer.send([recordOf(watched)]);
  expect((await untilOutcome(Outcome.REVIEW, deviceToken)).reasons[0]?.code).toBe("ON_WATCH_LIST");
  await producer.send([recordOf(watched, Buffer.of())]);
  expect((await untilOutcome(Outcome.APPROVE, deviceToken)).listHits).toEqual([]);
});

test("dead-letters an unreadable entry, skips one from a later version, and applies those after them", async () => {
  service ??= await start();
  const deviceToken = `dt_${"b".repeat(32)}`;
  const broken = entry({ value: "ct_broken" });
  await producer.send([
    recordOf(broken, Buffer.from([0xff, 0xff, 0xff])),
    recordOf(entry({ kind: "phone", value: "p" })),
    recordOf(entry({ kind: "device", value: deviceToken })),
  ]);
  await untilOutcome(Outcome.DECLINE, deviceToken);
  const letter = await until(({ topic, key }) => topic.endsWith(".dlq") && key === writeListKey(broken));
  expect(letter.headers[DEAD_LETTER_HEADERS.code]).toBe("message-unreadable");
});
