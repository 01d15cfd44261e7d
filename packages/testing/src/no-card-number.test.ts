import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { readTopic } from "@tripline/cli/ledger";
import { ALL_TOPICS } from "@tripline/contracts/topics";
import type { Telemetry } from "@tripline/service-kit/telemetry";
import { startTelemetry } from "@tripline/service-kit/telemetry";
import { Redis } from "ioredis";
import { buildPayment, randomCardNumber } from "./build-payment.js";
import type { InProcessSystem } from "./in-process-system.js";
import { startInProcess } from "./in-process-system.js";
import { testModel } from "./test-model.js";

describe("no card number behind the front door", () => {
  const exporter = new InMemorySpanExporter();
  const planted = Array.from({ length: 20 }, randomCardNumber);
  const logged: string[] = [];
  const write = process.stdout.write;
  let telemetry: Telemetry;
  let system: InProcessSystem;

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    telemetry = startTelemetry({ service: "test", spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    // Services log to standard output; at trace level they say all they ever say.
    process.stdout.write = (chunk: string | Uint8Array): boolean => {
      logged.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
      return true;
    };
    system = await startInProcess({ registryUrl, logLevel: "trace" });
    await plant();
  }, 180_000);

  afterAll(async () => {
    await system?.close();
    await telemetry?.shutdown();
    process.stdout.write = write;
  });

  /** Good payments, labels, refused payments, and numbers where no number belongs. */
  async function plant(): Promise<void> {
    const at = Date.now() - 600_000;
    const payments = planted.map((cardNumber) =>
      buildPayment({ cardNumber, occurredAtMs: at, labelledAtMs: at + 1_000 }),
    );
    await system.client.decideAll(payments, 20);
    await system.client.applyLabels(payments, 20);
    const refused = payments.map((payment) => ({ ...payment, currency: "???", clientTransactionId: "bad id!" }));
    for (const payment of refused.slice(0, 5)) await system.client.send(payment, 1);
    const wrongLuhn = planted.map((number) => number.slice(0, -1) + ((Number(number.at(-1)) + 1) % 10));
    for (const cardNumber of wrongLuhn.slice(0, 5)) await system.client.send(buildPayment({ cardNumber }), 1);
  }

  /** Ten digits are enough to recognise a planted number. */
  const needles = planted.map((number) => number.slice(3, 15));
  const foundIn = (text: string): string[] => needles.filter((needle) => text.includes(needle));

  test("not in any record of any topic", async () => {
    let records = 0;
    for (const topic of ALL_TOPICS) {
      await readTopic(system.kafka, topic.name, (record) => {
        records += 1;
        const text = `${record.key} ${record.value.toString("latin1")} ${JSON.stringify(record.headers)}`;
        expect(foundIn(text)).toEqual([]);
      });
    }
    expect(records).toBeGreaterThanOrEqual(planted.length * 4);
  });

  test("not in any key or value of Redis", async () => {
    const redis = new Redis(system.stack.redisUrl);
    const keys = await redis.keys("*");
    expect(keys.length).toBeGreaterThan(planted.length);
    for (const key of keys) {
      // A dump could be compressed, and hide what a plain value shows.
      expect([key, await redis.type(key)]).toEqual([key, "string"]);
      const value = await redis.getBuffer(key);
      expect(foundIn(`${key} ${value?.toString("latin1") ?? ""}`)).toEqual([]);
    }
    redis.disconnect();
  });

  test("not on any span", () => {
    const spans = exporter.getFinishedSpans();
    expect(spans.length).toBeGreaterThan(planted.length);
    for (const span of spans) {
      const { name, attributes, events, status } = span;
      expect(foundIn(JSON.stringify({ name, attributes, events, status }))).toEqual([]);
    }
  });

  test("not in any line of any log", () => {
    expect(logged.length).toBeGreaterThan(5);
    expect(foundIn(logged.join("\n"))).toEqual([]);
  });
});
