import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { cardToken, isCardNumber, transactionId } from "@tripline/contracts/identifiers";
import type { OracleEvent } from "@tripline/feature-engine/brute-force";
import { bruteForce } from "@tripline/feature-engine/brute-force";
import { compileEngine } from "@tripline/feature-engine/compile-engine";
import { stateKey } from "@tripline/feature-engine/state-key";
import { testStack } from "@tripline/local-stack/test-stack";
import { Redis } from "ioredis";
import { backfill } from "./backfill.js";
import { fileSource } from "./backfill-source.js";
import { handbookCardNumber, handbookSource, readHandbookPayments } from "./handbook-source.js";
import { loadState } from "./load-state.js";
import { readSnapshot } from "./state-snapshot.js";

const spec = currentFeatureSpec();
const engine = compileEngine(spec);
const START_MS = Date.UTC(2024, 1, 20);
const DAY_MS = 86_400_000;
const HEADER = "client_transaction_id,card_token,terminal_id,amount_minor,currency,occurred_at_ms,fraud,labelled_at_ms";

interface Row {
  id: string;
  card: string;
  terminal: string;
  amountMinor: number;
  currency: string;
  atMs: number;
  fraud: number;
  labelledAtMs: number | undefined;
}

/** Payments with ties, in no order, some never labelled and some labelled at once; always the same ones. */
function rowsOf(count: number): Row[] {
  let seed = 7;
  const below = (bound: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * bound);
  };
  return Array.from({ length: count }, (_, index) => {
    const atMs = START_MS + below(40) * DAY_MS + below(200) * 432_000;
    const delay = [undefined, 0, DAY_MS, 7 * DAY_MS][below(4)];
    return {
      id: `c-${index}`,
      card: `ct_${below(9)}`,
      terminal: `t:${below(5)}, "x"`,
      amountMinor: below(90_000),
      currency: ["EUR", "JPY", "KWD"][below(3)] ?? "EUR",
      atMs,
      fraud: below(4) === 0 ? 1 : 0,
      labelledAtMs: delay === undefined ? undefined : atMs + delay,
    };
  });
}

function csvOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const terminal = `"${row.terminal.replaceAll('"', '""')}"`;
    const fields = [row.id, row.card, terminal, row.amountMinor, row.currency, row.atMs, row.fraud, row.labelledAtMs];
    return fields.join(",");
  });
  return [HEADER, ...lines].join("\n");
}

/** The events of these rows in the order in which a backfill takes them. */
function eventsOf(rows: readonly Row[], untilMs = Number.POSITIVE_INFINITY): OracleEvent[] {
  const events = rows.flatMap((row): OracleEvent[] => {
    const payment: OracleEvent = { ...row, id: row.id, kind: "payment", fraud: false };
    if (row.labelledAtMs === undefined) return [payment];
    return [payment, { ...payment, kind: "label", atMs: row.labelledAtMs, fraud: row.fraud === 1 }];
  });
  return events
    .filter((event) => event.atMs < untilMs)
    .sort((a, b) => a.atMs - b.atMs || (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0) || (a.id < b.id ? -1 : 1))
    .map((event) => ({ ...event, id: `${event.kind} ${event.id}` }));
}

async function readParquet(path: string, order = "") {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(`SELECT * FROM '${path}' ${order}`);
  const result = { names: reader.columnNames(), types: reader.columnTypes().map(String), rows: reader.getRows() };
  connection.closeSync();
  instance.closeSync();
  return result;
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "backfill-test-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Writes the input, runs a backfill over it and says where its files are. */
async function run(text: string | Buffer, over: { name?: string; untilMs?: number; spec?: FeatureSpec } = {}) {
  const input = join(folder, over.name ?? "payments.csv");
  const outputPath = join(folder, "features.parquet");
  const statePath = join(folder, "state.bin");
  await writeFile(input, text);
  const result = await backfill({
    spec: over.spec ?? spec,
    source: fileSource(input),
    tenant: "shop",
    outputPath,
    statePath,
    ...(over.untilMs === undefined ? {} : { untilMs: over.untilMs }),
  });
  return { result, outputPath, statePath };
}

describe("a backfill", () => {
  const rows = rowsOf(600);
  const payments = (events: readonly OracleEvent[]) => events.filter((event) => event.kind === "payment");

  test.each([
    ["everything", Number.POSITIVE_INFINITY],
    ["what happened before a time", START_MS + 20 * DAY_MS],
  ])("gives the features of %s, as brute force does", async (_name, untilMs) => {
    const events = eventsOf(rows, untilMs);
    const { result, outputPath } = await run(gzipSync(csvOf(rows)), {
      name: "payments.csv.gz",
      ...(Number.isFinite(untilMs) ? { untilMs } : {}),
    });
    const expected = bruteForce(spec, events).flatMap((one) => (one === "duplicate" ? [] : (one.values ?? [])));
    const { names, types, rows: written } = await readParquet(outputPath);
    expect(names).toEqual([
      ...["client_transaction_id", "card_token", "terminal_id", "occurred_at_ms", "labelled_at_ms", "fraud"],
      ...spec.features.map((feature) => feature.name),
    ]);
    expect(new Set(types.slice(6))).toEqual(new Set(["DOUBLE"]));
    expect(written.map((row) => `payment ${row[0]}`)).toEqual(payments(events).map((event) => event.id));
    expect(written.flatMap((row) => row.slice(6))).toEqual(expected);
    const labels = events.length - written.length;
    expect(result).toEqual({ rows: written.length, labels, cards: 9, terminals: 5 });
    expect(labels).toBeGreaterThan(100);
  });

  test("takes Parquet as it takes CSV", async () => {
    const first = await run(csvOf(rows));
    const fromCsv = await readParquet(first.outputPath);
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    const input = join(folder, "payments.parquet");
    await connection.run(`COPY (FROM '${join(folder, "payments.csv")}') TO '${input}'`);
    connection.closeSync();
    instance.closeSync();
    await backfill({ spec, source: fileSource(input), tenant: "shop", outputPath: first.outputPath });
    expect(await readParquet(first.outputPath)).toEqual(fromCsv);
  });

  test("leaves a state that goes on online where the backfill ended, and no other files", async () => {
    const { statePath } = await run(csvOf(rows));
    expect((await readdir(folder)).sort()).toEqual(["features.parquet", "payments.csv", "state.bin"]);
    const { redisUrl } = await testStack();
    expect(await loadState({ statePath, redisUrl })).toEqual({ states: 14 });
    const redis = new Redis(redisUrl);
    const [card, terminal] = [rows[0]?.card ?? "", rows[0]?.terminal ?? ""];
    const keys = [stateKey("shop", "card", card), stateKey("shop", "terminal", terminal)];
    const [cardBytes = null, terminalBytes = null] = await redis.mgetBuffer(keys);
    expect(await redis.ttl(keys[0] ?? "")).toBeGreaterThan(44 * 86_400);
    await redis.quit();
    const cardState = engine.decodeState("card", cardBytes);
    const mine = eventsOf(rows).filter((event) => event.card === card);
    expect(cardState.sequence).toBe(mine.length);

    const last: OracleEvent = {
      ...{ kind: "payment", id: "last", card, terminal, atMs: START_MS + 41 * DAY_MS },
      ...{ amountMinor: 4200, currency: "EUR", fraud: false },
    };
    const result = engine.applyPayment(cardState, engine.decodeState("terminal", terminalBytes), {
      transactionId: last.id,
      amountMinor: last.amountMinor,
      currency: last.currency,
      occurredAtMs: last.atMs,
    });
    expect(result).toEqual({ duplicate: false, ...Object(bruteForce(spec, [...eventsOf(rows), last]).at(-1)) });
    const newest = mine.findLast((event) => event.kind === "payment")?.id.slice("payment ".length) ?? "";
    const again = { amountMinor: 1, currency: "EUR", occurredAtMs: last.atMs };
    const repeated = { ...again, transactionId: transactionId("shop", newest) };
    expect(engine.applyPayment(cardState, engine.decodeState("terminal", null), repeated)).toEqual({ duplicate: true });
  });

  const [row = { ...rowsOf(1)[0] } as Row] = rows;
  test.each([
    ["a missing column", "card_token,terminal_id\na,b", "lacks the column client_transaction_id, amount_minor"],
    ["a value of another type", csvOf([{ ...row, amountMinor: "x" as never }]), "'x'"],
    ["a negative amount", csvOf([{ ...row, amountMinor: -1 }]), "payment c-0 has no amount_minor, or a negative one"],
    ["no card token", csvOf([{ ...row, card: "" }]), "has no card_token"],
    ["a label before its payment", csvOf([{ ...row, labelledAtMs: 1 }]), "was labelled before it took place"],
    ["a label without truth", csvOf([{ ...row, fraud: 2, labelledAtMs: row.atMs }]), "fraud is neither 0 nor 1"],
    ["an unknown currency", csvOf([{ ...row, currency: "XYZ" }]), '"XYZ" is no ISO 4217 currency'],
    ["an id that stands twice", csvOf([row, row]), "c-0 stands more than once"],
    ["two faulty rows", csvOf([row, { ...row, id: "a", card: "" }, { ...row, id: "b", card: "" }]), "(and 1 more)"],
  ])("refuses %s and writes nothing", async (_name, text, reason) => {
    await expect(run(text)).rejects.toMatchObject({
      code: "invalid-field",
      message: expect.stringContaining(reason),
    });
    expect(await readdir(folder)).toEqual(["payments.csv"]);
  });

  test("of a file that is not there says so", async () => {
    const source = fileSource(join(folder, "none.parquet"));
    const attempt = backfill({ spec, source, tenant: "shop", outputPath: join(folder, "out.parquet") });
    await expect(attempt).rejects.toMatchObject({ code: "invalid-field", message: expect.stringContaining("none") });
  });
});

describe("a snapshot", () => {
  const attempt = async (statePath: string, over: { spec?: FeatureSpec } = {}) => {
    const { redisUrl } = await testStack();
    const outcome = await loadState({ statePath, redisUrl, ...over }).catch((error: unknown) => error);
    const redis = new Redis(redisUrl);
    const keys = await redis.dbsize();
    await redis.quit();
    return { outcome, keys };
  };

  test.each([
    ["cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length - 9), "cut short"],
    ["with a byte changed", (bytes: Buffer) => bytes.fill(bytes.readUInt8(900) ^ 1, 900, 901), "damaged"],
    ["with bytes after its end", (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)]), "damaged"],
    ["of another format", (bytes: Buffer) => bytes.fill(9, 8, 9), "format 9"],
    ["that is something else", () => Buffer.from("client_transaction_id,card_token,terminal_id"), "no snapshot"],
  ])("%s is refused before anything is written", async (_name, change, reason) => {
    const { statePath } = await run(csvOf(rowsOf(60)));
    await writeFile(statePath, change(await readFile(statePath)));
    const { outcome, keys } = await attempt(statePath);
    expect(outcome).toMatchObject({ code: "state-unreadable", message: expect.stringContaining(reason) });
    expect(keys).toBe(0);
  });

  test("of a spec with other windows is refused", async () => {
    const { statePath } = await run(csvOf(rowsOf(5)));
    const feature = { name: "n", kind: "count", entity: "card", window: "1d", default: 0, sentence: "x" };
    const other = parseFeatureSpec(
      JSON.stringify({
        version: 2,
        windows: { "1d": { width: "1d", tile: "2h" } },
        entities: { card: { key: "card_token" }, terminal: { key: "terminal_id" } },
        features: [feature],
      }),
    );
    expect(await attempt(statePath, { spec: other })).toMatchObject({ outcome: { code: "state-unreadable" }, keys: 0 });
  });

  test("hands out every entry once", async () => {
    const { statePath } = await run(csvOf(rowsOf(300)));
    const keys: string[] = [];
    let announced = 0;
    for await (const [key] of readSnapshot(statePath, (header) => (announced = header.entries))) keys.push(key);
    expect(keys).toHaveLength(announced);
    expect(new Set(keys).size).toBe(14);
  });
});

describe("the handbook's data", () => {
  const day = (...lines: string[]) =>
    gzipSync(
      [
        "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_DAYS,TX_FRAUD,TX_FRAUD_SCENARIO",
        ...lines,
      ].join("\n"),
    );
  const write = async () => {
    await mkdir(join(folder, "raw"));
    const first = day(
      "9,2018-04-01T23:59:59,596,3156,87.44999999999999,1,0,1,1",
      "10,2018-04-01T23:59:59,596,3156,5,1,0,0,0",
    );
    await writeFile(join(folder, "raw", "2018-04-01.csv.gz"), first);
    await writeFile(join(folder, "raw", "2018-04-02.csv.gz"), day("11,2018-04-02T00:00:31,7,12,57.16,31,1,0,0"));
  };
  const key = Buffer.alloc(32, 3);

  test("has Luhn-valid test card numbers, one per customer", () => {
    const numbers = Array.from({ length: 5000 }, (_, customer) => handbookCardNumber(customer));
    expect(new Set(numbers).size).toBe(5000);
    expect(numbers.every((number) => isCardNumber(number) && /^400000\d{10}$/.test(number))).toBe(true);
  });

  test("goes through a backfill in its own order, with labels after seven days", async () => {
    await write();
    const outputPath = join(folder, "out.parquet");
    const source = handbookSource({ directory: folder, cardTokenKey: key });
    const result = await backfill({ spec, source, tenant: "shop", outputPath });
    expect(result).toEqual({ rows: 3, labels: 3, cards: 2, terminals: 2 });
    const { names, rows } = await readParquet(outputPath);
    const at = Date.UTC(2018, 3, 1, 23, 59, 59);
    const token = cardToken(key, "shop", handbookCardNumber(596));
    expect(rows.map((row) => row.slice(0, 6))).toEqual([
      ["hb-9", token, "t-3156", BigInt(at), BigInt(at + 7 * DAY_MS), 1],
      ["hb-10", token, "t-3156", BigInt(at), BigInt(at + 7 * DAY_MS), 0],
      [
        "hb-11",
        cardToken(key, "shop", handbookCardNumber(7)),
        "t-12",
        BigInt(at + 32_000),
        BigInt(at + 32_000 + 7 * DAY_MS),
        0,
      ],
    ]);
    expect(rows.map((row) => row[names.indexOf("amount")])).toEqual([87.45, 5, 57.16]);
  });

  test("can be read day by day for a replay", async () => {
    await write();
    const payments = [];
    const days = { directory: folder, fromDay: "2018-04-01", toDay: "2018-04-02" };
    for await (const payment of readHandbookPayments(days)) payments.push(payment);
    expect(payments.map((payment) => payment.handbookId)).toEqual([9, 10, 11]);
    expect(payments[0]).toEqual({
      clientTransactionId: "hb-9",
      handbookId: 9,
      cardNumber: handbookCardNumber(596),
      terminalId: "t-3156",
      amountMinor: 8745,
      currency: "EUR",
      occurredAtMs: Date.UTC(2018, 3, 1, 23, 59, 59),
      fraud: true,
    });
  });

  test("of a day that is not there is an error that names the file", async () => {
    await write();
    const days = readHandbookPayments({ directory: folder, fromDay: "2018-04-03", toDay: "2018-04-03" });
    await expect(days.next()).rejects.toMatchObject({
      code: "invalid-field",
      message: expect.stringContaining("2018-04-03.csv.gz"),
    });
  });
});
