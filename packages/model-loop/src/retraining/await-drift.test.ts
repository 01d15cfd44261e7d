import { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { deadLetterTopic, TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { testStack } from "@tripline/local-stack/testing/stack";
import { awaitDrift } from "./await-drift.js";

const { name: TOPIC, schema: SCHEMA } = TOPICS.driftDetected;
/** Bounded waits of a busy machine; where an event is there, none of it passes. */
const LONG_MS = 60_000;
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

const wait = (waitMs: number, work: (events: readonly DriftDetected[]) => Promise<string>) =>
  awaitDrift({ kafka, model: "fraud", waitMs }, work);
const days = async (events: readonly DriftDetected[]) => events.map(({ day }) => day).join(" ");

test(
  "events that are there are one piece of work, which is done once; those of other models are passed by",
  async () => {
    await put(eventOf("2026-01-15"), eventOf("2026-01-15", "other"), eventOf("2026-01-16"));
    expect(await wait(LONG_MS, days)).toBe("2026-01-15 2026-01-16");
    // Nothing is left: a short wait ends without work.
    expect(await wait(500, days)).toBeUndefined();
    await put(eventOf("2026-01-17"));
    expect(await wait(LONG_MS, days)).toBe("2026-01-17");
  },
  TIMEOUT_MS,
);

test(
  "an event that comes while it is awaited starts the work",
  async () => {
    const working = wait(LONG_MS, days);
    await put(eventOf("2026-01-18"));
    expect(await working).toBe("2026-01-18");
  },
  TIMEOUT_MS,
);

test(
  "what failed is worked on again, with what came meanwhile",
  async () => {
    await put(eventOf("2026-01-19"));
    const failing = wait(LONG_MS, async () => {
      await put(eventOf("2026-01-20"));
      throw new Error("killed");
    });
    await expect(failing).rejects.toThrow("killed");
    expect(await wait(LONG_MS, days)).toBe("2026-01-19 2026-01-20");
  },
  TIMEOUT_MS,
);

test(
  "what cannot be read becomes a dead letter and holds nobody up",
  async () => {
    const headers = { [HEADERS.schema]: SCHEMA };
    await producer.send([
      { topic: TOPIC, key: "fraud", value: Buffer.from([0xff, 0x00]), headers },
      { topic: TOPIC, key: "fraud", value: DriftDetected.encode(eventOf("2026-01-21")).finish(), headers: {} },
    ]);
    await put(eventOf("2026-01-22"));
    expect(await wait(LONG_MS, days)).toBe("2026-01-22");
    const letters = await admin.endOffsets(deadLetterTopic(TOPIC));
    expect([...letters.values()].reduce((sum, end) => sum + end, 0)).toBe(2);
    expect(await wait(500, days)).toBeUndefined();
  },
  TIMEOUT_MS,
);
