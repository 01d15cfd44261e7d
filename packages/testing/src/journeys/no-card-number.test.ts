import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { eraseJourney, newPerson } from "@tripline/cli/journeys/erase";
import type { FraudReport, PaymentUpdate } from "@tripline/client";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { ALL_TOPICS, TOPICS } from "@tripline/contracts/topics";
import { LAKE_TABLES } from "@tripline/lake/lake-tables";
import { readRows } from "@tripline/lake/read/read-rows";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { KnownPayment } from "@tripline/system/client/payment";
import { labelBody } from "@tripline/system/client/tripline-client";
import { readTopic } from "@tripline/system/ledger/ledger";
import type { Telemetry } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import { Redis } from "ioredis";
import { z } from "zod";
import { buildPayment, randomAddress, randomCardNumber } from "../support/build-payment.js";
import { openConsoleSession } from "../support/console-session.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { plantTexts } from "../support/plant-texts.js";
import { testModel } from "../support/test-model.js";

/** IPv4 range reserved for documentation (RFC 5737). */
const TEST_NET = "198.51.100.";
const MAILBOX = "canary-of-the-payer";
const HOLDER = "Canary Holder";

function updateOf(payment: KnownPayment): PaymentUpdate {
  const { transaction_id, card, occurred_at } = labelBody(payment);
  return { transaction_id, card, occurred_at, update_id: "u-1", kind: "declined", issuer_code: "51" };
}

function reportOf(payment: KnownPayment): FraudReport {
  const { transaction_id, card, occurred_at } = labelBody(payment);
  return { report_id: `d-${transaction_id}`, transaction_id, card, occurred_at, kind: "chargeback" };
}

/** Reads a value without DUMP, which may compress it and hide plain text. */
async function plainValue(redis: Redis, key: string): Promise<Buffer> {
  const type = await redis.type(key);
  if (type === "string") return (await redis.getBuffer(key)) ?? Buffer.alloc(0);
  // A row of Feast; for an erased card, it contains only times.
  if (type === "hash") return Buffer.concat(Object.values(await redis.hgetallBuffer(key)));
  // The key has expired since the scan: a rate limit lives for 10 s.
  if (type === "none") return Buffer.alloc(0);
  throw new Error(`${key} is a ${type}: read it here as well.`);
}

describe("no card number, device ID, network, e-mail address or name in plain text behind ingestion", () => {
  const exporter = new InMemorySpanExporter();
  const planted = Array.from({ length: 20 }, (_, index) => ({
    cardNumber: randomCardNumber(),
    deviceId: randomUUID(),
    ipAddress: index % 2 === 0 ? `${TEST_NET}${index}` : randomAddress(),
    email: `${MAILBOX}.${index}@example.com`,
    cardholder: `${HOLDER} ${index}`,
    attributes: { nickname: `${HOLDER} the ${index}th`, items: index },
  }));
  const erased = { ...newPerson(), deviceId: randomUUID(), ipAddress: `${TEST_NET}250` };
  const logged: string[] = [];
  const printed: string[] = [];
  const write = process.stdout.write;
  let telemetry: Telemetry;
  let lakeDirectory: string;
  let system: InProcessSystem;

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    telemetry = startTelemetry({ service: "test", spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    // Services log to standard output. At trace level, they log everything that they ever log.
    process.stdout.write = (chunk: string | Uint8Array): boolean => {
      logged.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
      return true;
    };
    lakeDirectory = mkdtempSync(join(tmpdir(), "tripline-canaries-"));
    system = await startInProcess({
      registryUrl,
      lakeDirectory,
      logLevel: "trace",
      hasControl: true,
      hasConsole: true,
    });
    await plant();
    await plantInEveryText();
  });

  afterAll(async () => {
    await system?.close();
    await telemetry?.shutdown();
    process.stdout.write = write;
    rmSync(lakeDirectory, { recursive: true, force: true });
  });

  /** Sends valid payments, labels, invalid payments, and card numbers in fields where they do not belong. */
  async function plant(): Promise<void> {
    const at = Date.now() - 600_000;
    const payments = planted.map((origin) => buildPayment({ ...origin, occurredAtMs: at, labelledAtMs: at + 1_000 }));
    await system.client.decideAll(payments, 20);
    await system.client.applyLabels(payments, 20);
    await system.client.sendUpdates(payments.map(updateOf));
    await system.client.sendReports(payments.map(reportOf));
    const refused = payments.map((payment) => ({ ...payment, currency: "???", clientTransactionId: "bad id!" }));
    for (const payment of refused.slice(0, 5)) await system.client.send(payment, 1);
    for (const origin of planted.slice(0, 5)) {
      const { cardNumber, deviceId, ipAddress, email } = origin;
      const grouped = (cardNumber.match(/.{4}/g) ?? []).join("-");
      const wrongLuhn = cardNumber.slice(0, -1) + ((Number(cardNumber.at(-1)) + 1) % 10);
      const refusals: Partial<KnownPayment>[] = [
        { cardNumber: wrongLuhn },
        { deviceId: `${deviceId}\0` },
        { ipAddress: `${ipAddress}%eth0` },
        { email: `${email} ` },
        { cardholder: cardNumber },
        { attributes: { nickname: cardNumber } },
        { attributes: { [cardNumber]: true } },
        { attributes: { items: Number(cardNumber) } },
        { deviceId: `device ${grouped}` },
        { clientTransactionId: cardNumber },
        { clientTransactionId: `order-${grouped}` },
        { terminalId: `t${cardNumber}` },
        { terminalId: grouped },
      ];
      for (const changes of refusals) {
        const result = await system.client.send(buildPayment({ ...origin, ...changes }), 1);
        expect(result).toMatchObject({ status: 422, code: "invalid-field" });
      }
    }
  }

  /**
   * Puts a card number into every text field that an API accepts, except for the card number field itself, with all
   * scopes.
   */
  async function plantInEveryText(): Promise<void> {
    const number = planted[0]?.cardNumber ?? "";
    const { headers: caller } = await openConsoleSession(system, "canary");
    const taken: string[] = [];
    for (const name of ["ingestion", "control", "console", "auth"] as const) {
      const { url } = system.served(name);
      const described = await (await fetch(`${url}/openapi.json`)).json();
      const requests = plantTexts(described, number).filter(({ at }) => !/ body \/card\/number$/.test(at));
      expect(requests.length).toBeGreaterThan(10);
      for (const { at, method, path, headers, body } of requests) {
        const traceparent = `00-${number}${"0".repeat(15)}1-${number}-01`;
        const response = await fetch(url + path, {
          method,
          headers: { traceparent, ...caller, ...headers },
          ...(body === undefined ? {} : { body }),
        });
        // The response to a batch has a line per payment.
        const [line = ""] = (await response.text()).split("\n");
        const isBatch = response.headers.get("content-type")?.includes("ndjson") === true;
        const status = isBatch ? JSON.parse(line).status : response.status;
        if (![400, 404, 415, 422].includes(status)) taken.push(`${name} ${at}: ${status}`);
      }
    }
    expect(taken).toEqual([]);
  }

  async function query(sql: string): Promise<Record<string, unknown>[]> {
    const database = connectDatabase({
      url: system.stack.postgresUrl,
      connectionsMax: 1,
      queryTimeoutMs: 30_000,
      onIdleError() {},
    });
    try {
      return await database.query(z.record(z.string(), z.unknown()), sql);
    } finally {
      await database.close();
    }
  }

  /** Ten digits are enough to recognise a planted number, and 64 bits identify an IPv6 address in any notation. */
  const needles = [...planted, erased].flatMap(({ cardNumber, deviceId, ipAddress, email, cardholder }) => [
    cardNumber.slice(3, 15),
    email,
    cardholder,
    `${cardNumber.slice(4, 8)}-${cardNumber.slice(8, 12)}-${cardNumber.slice(12)}`,
    deviceId,
    MAILBOX,
    HOLDER,
    ipAddress.includes(":") ? ipAddress.split(":").slice(-4).join(":") : TEST_NET,
  ]);
  const foundIn = (text: string): string[] => needles.filter((needle) => text.includes(needle));

  /** Runs first, so that the other tests also search the data that it leaves behind. */
  test("`tripline journey erase`: only authorised users can read a person's data, and nobody after the erasure", async () => {
    const print = (text: string): void => void printed.push(text);
    const { client, control, kafka } = system;
    const card = await eraseJourney({ client, control, kafka, print, person: erased });
    expect(printed).toHaveLength(5);
    // Once the console is notified, it deletes the card's payments, except those after the erasure.
    const projected = async () => {
      const rows = await query(`SELECT count(*)::int AS n FROM console.payments WHERE card_token = '${card}'`);
      return Number(rows[0]?.n);
    };
    const paid = Number(/accepted=(\d+)/.exec(printed.at(-1) ?? "")?.[1]);
    for (let tries = 0; (await projected()) >= paid && tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(await projected()).toBeLessThan(paid);
  });

  test("is not in any record of any topic", async () => {
    let records = 0;
    let sealed = 0;
    let tokens = 0;
    const found: string[] = [];
    for (const topic of ALL_TOPICS) {
      await readTopic(system.kafka, topic.name, (record) => {
        records += 1;
        const text = `${record.key} ${record.value.toString("latin1")} ${JSON.stringify(record.headers)}`;
        // Collected and checked later: if a handler throws, the consumer retries the record.
        found.push(...foundIn(text).map((needle) => `${needle} in ${topic.name}`));
        if (topic.name !== TOPICS.transactions.name) return;
        const { deviceToken, ipToken, emailToken, personal } = Transaction.decode(record.value);
        if (personal !== undefined) sealed += 1;
        if (/^dt_[0-9a-f]{32} it_[0-9a-f]{32} et_[0-9a-f]{32}$/.test(`${deviceToken} ${ipToken} ${emailToken}`))
          tokens += 1;
      });
    }
    expect(found).toEqual([]);
    // Shows that sensitive data was sent and could have leaked.
    expect(tokens).toBeGreaterThanOrEqual(planted.length);
    expect(sealed).toBeGreaterThanOrEqual(planted.length);
    expect(records).toBeGreaterThanOrEqual(planted.length * 4);
  });

  test("is not in any key or value of Redis", async () => {
    const redis = new Redis(system.stack.redisUrl);
    try {
      const keys = await redis.keys("*");
      expect(keys.length).toBeGreaterThan(planted.length);
      for (const key of keys) {
        const value = (await plainValue(redis, key)).toString("latin1");
        expect(foundIn(`${key} ${value}`)).toEqual([]);
      }
    } finally {
      redis.disconnect();
    }
  });

  test("is not in any table of Postgres, and therefore not in a backup", async () => {
    const tables = await query(
      "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('auth', 'control', 'console')",
    );
    let count = 0;
    for (const { schemaname, tablename } of tables) {
      const rows = await query(`SELECT * FROM "${schemaname}"."${tablename}"`);
      count += rows.length;
      const values = rows.flatMap((row) => Object.values(row));
      const text = values.map((value) => (Buffer.isBuffer(value) ? value.toString("latin1") : JSON.stringify(value)));
      expect([tablename, foundIn(text.join("\n"))]).toEqual([tablename, []]);
    }
    expect(count).toBeGreaterThan(planted.length * 2);
  });

  test("is not in the lake", async () => {
    // The archive writes its buffered records when it stops.
    await system.stop("archive");
    let rows = 0;
    const kept = new Set<string>();
    const { driftDetected: _, appliedPaymentUpdates: __, ...tables } = LAKE_TABLES;
    for (const { topic } of Object.values(tables)) {
      for await (const chunk of readRows({ lake: lakeDirectory, topic: topic.name })) {
        rows += chunk.length;
        kept.add(topic.name);
        const values = chunk.flatMap((row) => Object.values(row));
        const text = values.map((value) =>
          value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : JSON.stringify(value),
        );
        expect([topic.name, foundIn(text.join("\n"))]).toEqual([topic.name, []]);
      }
    }
    expect(rows).toBeGreaterThan(planted.length * 2);
    expect(kept).toEqual(new Set(Object.values(tables).map(({ topic }) => topic.name)));
  });

  test("is not in any span", () => {
    const spans = exporter.getFinishedSpans();
    expect(spans.length).toBeGreaterThan(planted.length);
    for (const span of spans) {
      const { name, attributes, events, status } = span;
      expect(foundIn(JSON.stringify({ name, attributes, events, status }))).toEqual([]);
    }
  });

  test("is not in any line of any log", () => {
    expect(logged.length).toBeGreaterThan(5);
    expect(foundIn(logged.join("\n"))).toEqual([]);
  });
});
