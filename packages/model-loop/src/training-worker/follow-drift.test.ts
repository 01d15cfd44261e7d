import { TriplineError } from "@tripline/contracts/error-table";
import { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { deadLetterTopic, TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { testStack } from "@tripline/local-stack/testing/stack";
import { followDrift } from "./follow-drift.js";

const { name: TOPIC, schema: SCHEMA } = TOPICS.driftDetected;
const TIMEOUT_MS = 180_000;

let kafka: Kafka;
let admin: KafkaAdmin;
let producer: EventProducer;

beforeEach(async () => {
  const { kafkaBrokers: brokers, topicPrefix } = await testStack();
  kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  admin = await kafka.admin();
  await admin.ensureTopics();
  producer = await kafka.producer();
}, TIMEOUT_MS);

afterEach(() => Promise.all([producer.close(), admin.close()]));

const eventOf = (day: string, modelName = "fraud"): DriftDetected => ({
  eventId: `of ${day}`,
  modelName,
  tenant: "",
  day,
  comparedFrom: "2026-01-01",
  comparedTo: "2026-01-14",
  rows: 1_000,
  columns: [{ column: "amount", kind: "feature", distance: 0.4, threshold: 0.1, pValue: 1e-9 }],
  sentence: `amount drifted on ${day}`,
  detectedAtMs: Date.UTC(2026, 0, 16),
});

const put = (...events: DriftDetected[]) =>
  producer.send(
    events.map((event) => ({
      topic: TOPIC,
      key: event.modelName,
      value: DriftDetected.encode(event).finish(),
      headers: { [HEADERS.schema]: SCHEMA },
    })),
  );

/** Follows until it has received `count` days; `onDrift` may fail. */
async function receive(count: number, onDrift: (days: string[]) => Promise<void> = async () => {}): Promise<string[]> {
  const days: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const consumer = await followDrift({
    kafka,
    model: "fraud",
    onStop: reject,
    async onDrift(events) {
      days.push(...events.map(({ day }) => day));
      await onDrift(days);
      if (days.length >= count) resolve();
    },
  });
  await promise.finally(() => consumer.close());
  return days;
}

test(
  "receives each model drift event once, and again if it could not be stored",
  async () => {
    await put(eventOf("2026-01-15"), eventOf("2026-01-15", "other"), eventOf("2026-01-16"));
    expect(await receive(2)).toEqual(["2026-01-15", "2026-01-16"]);
    await put(eventOf("2026-01-17"));
    let failures = 0;
    const received = await receive(2, async () => {
      failures += 1;
      if (failures === 1) throw new TriplineError("store-unavailable", "the store is away");
    });
    expect(received).toEqual(["2026-01-17", "2026-01-17"]);
  },
  TIMEOUT_MS,
);

test(
  "an unreadable event becomes a dead letter and blocks nothing",
  async () => {
    const headers = { [HEADERS.schema]: SCHEMA };
    await producer.send([
      { topic: TOPIC, key: "fraud", value: Buffer.from([0xff, 0x00]), headers },
      { topic: TOPIC, key: "fraud", value: DriftDetected.encode(eventOf("2026-01-21")).finish(), headers: {} },
    ]);
    await put(eventOf("2026-01-22"));
    expect(await receive(1)).toEqual(["2026-01-22"]);
    const letters = await admin.endOffsets(deadLetterTopic(TOPIC));
    expect([...letters.values()].reduce((sum, end) => sum + end, 0)).toBe(2);
  },
  TIMEOUT_MS,
);
