import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { cardToken, isCardNumber, transactionId } from "@tripline/contracts/identifiers";
import type { PaymentFilter } from "@tripline/contracts/payment-filter";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { parseStateKey } from "@tripline/feature-engine/state/state-key";
import type { OracleEvent } from "@tripline/feature-engine/testing/brute-force";
import { bruteForce } from "@tripline/feature-engine/testing/brute-force";
import { withProfiles } from "@tripline/feature-engine/testing/brute-force-profiles";
import { specOf } from "@tripline/feature-engine/testing/specs";
import { TestStates } from "@tripline/feature-engine/testing/states";
import { testStack } from "@tripline/local-stack/testing/stack";
import { Redis } from "ioredis";
import { backfill, blockPaymentsFor } from "./backfill.js";
import { handbookCardNumber, handbookSource, readHandbookPayments } from "./input/handbook-source.js";
import { fileSource } from "./input/transactions-source.js";
import { loadState } from "./states/load-state.js";
import { readSnapshot } from "./states/state-snapshot.js";
import type { Row } from "./testing/payment-rows.js";
import { csvOf, eventsOf, rowsOf, START_MS } from "./testing/payment-rows.js";

const spec = currentFeatureSpec();
const engine = compileEngine(spec);
const DAY_MS = 86_400_000;

/** The oracle uses other formulas for deviations and distances; all other values are bit-identical. */
function isNear(value: number, expected: number): boolean {
  return Math.abs(value - expected) <= 1e-8 * Math.max(1, Math.abs(expected)) || Math.abs(value - expected) < 1e-3;
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

interface RunOptions {
  readonly name?: string;
  readonly untilMs?: number;
  readonly spec?: FeatureSpec;
  readonly blockPayments?: number;
}

/** Writes the input, runs a backfill over it and returns the paths of its files. */
async function run(text: string | Buffer, over: RunOptions = {}) {
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
    ...(over.blockPayments === undefined ? {} : { tuning: { blockPayments: over.blockPayments } }),
  });
  return { result, outputPath, statePath };
}

test("blocks are smaller if memory is scarce, and never larger than a row group", () => {
  expect(blockPaymentsFor(64 * 2 ** 30, 78)).toBe(122_880);
  expect(blockPaymentsFor(752 * 2 ** 20, 78)).toBe(16_384);
  expect(blockPaymentsFor(2 ** 20, 78)).toBe(4_096);
});

describe("a backfill", () => {
  const rows = rowsOf(400);
  const payments = (events: readonly OracleEvent[]) => events.filter((event) => event.kind === "payment");

  test.each([
    ["everything", Number.POSITIVE_INFINITY, {}],
    ["everything, three payments at a time", Number.POSITIVE_INFINITY, { blockPayments: 3 }],
    ["events before a time", START_MS + 20 * DAY_MS, {}],
  ])("computes the features of %s like brute force", async (_name, untilMs, over) => {
    const events = eventsOf(rows, untilMs);
    const { result, outputPath } = await run(gzipSync(csvOf(rows)), {
      ...over,
      name: "payments.csv.gz",
      ...(Number.isFinite(untilMs) ? { untilMs } : {}),
    });
    const expected = bruteForce(spec, withProfiles(events)).flatMap((one) =>
      one === "duplicate" ? [] : (one.values ?? []),
    );
    const { names, types, rows: written } = await readParquet(outputPath);
    expect(names).toEqual([
      ...["client_transaction_id", "card_token", "terminal_id", "occurred_at_ms", "labelled_at_ms", "fraud"],
      ...spec.features.map((feature) => feature.name),
    ]);
    expect(new Set(types.slice(6))).toEqual(new Set(["DOUBLE"]));
    expect(written.map((row) => `payment ${row[0]}`)).toEqual(payments(events).map((event) => event.id));
    const computed = written.flatMap((row) => row.slice(6));
    expect(computed).toHaveLength(expected.length);
    const width = spec.features.length;
    const far = computed.findIndex((value, index) => !isNear(Number(value), expected[index] ?? Number.NaN));
    expect(far < 0 ? undefined : [spec.features[far % width]?.name, computed[far], expected[far]]).toBeUndefined();
    const labels = events.length - written.length;
    expect(result).toEqual({
      rows: written.length,
      labels,
      entities: { card: 9, terminal: 5, device: 4, ip: 3, email: 3, terminal_bin: 10, card_country: 18 },
      resumedEvents: 0,
    });
    expect(labels).toBeGreaterThan(100);
  });

  test("computes filtered features and categories exactly as brute force does", async () => {
    const filters: PaymentFilter[] = [
      { merchant_country: ["BE"] },
      { bin: { not: ["411110"] }, merchant_country: { not: ["FR"] } },
      { currency: ["JPY", "KWD"], amount: { from: 10, below: 50_000 } },
      { terminal_id: ['t:1, "x"', 't:3, "x"'] },
      // No payment has this field.
      { ip_country: { not: ["BE"] } },
    ];
    const drafts = filters.flatMap((where) => [
      { kind: "mean", entity: "card", window: "7d", where },
      { kind: "distinct", entity: "ip", of: "terminal", window: "7d", where },
    ]);
    const categories = ["merchant_country", "currency", "ip_country"].map((field) => {
      return { kind: "category", field, default: 0 };
    });
    const filtered = specOf({ "7d": { width: "7d", tile: "6h" } }, [...drafts, ...categories]);
    const { outputPath } = await run(csvOf(rows), { spec: filtered });
    const { rows: written } = await readParquet(outputPath);
    const expected = bruteForce(filtered, eventsOf(rows)).flatMap((one) =>
      one === "duplicate" || one.values === undefined ? [] : [one.values],
    );
    expect(written.map((row) => row.slice(6))).toEqual(expected);
    for (const [index] of drafts.entries()) expect(new Set(expected.map((row) => row[index])).size).toBeGreaterThan(2);
  });

  test("computes label and neighbour features of devices exactly as brute force does, with the engine's states", async () => {
    const shared = { of: "card", window: "7d", counts: "fraud", kind: "neighbours" };
    const sharing = specOf({ "7d": { width: "7d", tile: "6h" } }, [
      { ...shared, entity: "device" },
      { ...shared, entity: "ip" },
      { kind: "fraud_rate", entity: "device", window: "7d" },
      { kind: "run_count", entity: "ip", explained_by: "card" },
      { kind: "run_count", entity: "terminal", explained_by: "card" },
    ]);
    const events = eventsOf(rows);
    const { outputPath, statePath } = await run(csvOf(rows), { spec: sharing, blockPayments: 50 });
    const { rows: written } = await readParquet(outputPath);
    const expected = bruteForce(sharing, events).flatMap((one) =>
      one === "duplicate" || one.values === undefined ? [] : [one.values],
    );
    expect(written.map((row) => row.slice(6))).toEqual(expected);
    for (const index of [0, 2, 3]) expect(new Set(expected.map((row) => row[index])).size).toBeGreaterThan(1);
    const states = new TestStates(compileEngine(sharing));
    for (const event of events) states.apply(event);
    for await (const [key, bytes] of readSnapshot(statePath, () => {})) {
      const [plan] = states.engine.entities.filter((one) => parseStateKey(one, key) !== undefined);
      const own = states.bytesOf(plan?.name ?? "", (plan && parseStateKey(plan, key))?.id ?? "");
      // Event IDs in the test differ from the tenant's, and so do their hashes, which a card's state contains.
      if (plan?.name === "card") expect([key, bytes.length]).toEqual([key, own.length]);
      else expect([key, Buffer.from(bytes)]).toEqual([key, Buffer.from(own)]);
    }
  });

  test("reads Parquet like CSV", async () => {
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

  test("leaves only a state from which online processing continues where the backfill ended", async () => {
    const { statePath } = await run(csvOf(rows));
    expect((await readdir(folder)).sort()).toEqual(["features.parquet", "payments.csv", "state.bin"]);
    const { redisUrl } = await testStack();
    expect(await loadState({ statePath, redisUrl })).toEqual({ states: 52 });
    const redis = new Redis(redisUrl);
    const first = rows.find(({ device, ip, email, bin, country }) => device && ip && email && bin && country);
    const ids = { cardToken: first?.card ?? "", terminalId: first?.terminal ?? "" };
    const payer = { bin: first?.bin ?? "", emailToken: first?.email ?? "", merchantCountry: first?.country ?? "" };
    const all = { ...ids, ...payer, deviceToken: first?.device ?? "", ipToken: first?.ip ?? "" };
    const keys = engine.stateKeys("shop", all).map((key) => key ?? "");
    const stored = await redis.mgetBuffer(keys);
    expect(await redis.ttl(keys[0] ?? "")).toBeGreaterThan(44 * 86_400);
    await redis.quit();
    const states = stored.map((bytes, entity) => engine.decodeState(entity, bytes));
    const mine = eventsOf(rows).filter((event) => event.entities.card === ids.cardToken);
    expect(states[0]?.sequence).toBe(mine.length);

    const last: OracleEvent = {
      kind: "payment",
      id: "last",
      atMs: START_MS + 41 * DAY_MS,
      amountMinor: 4200,
      currency: "EUR",
      fraud: false,
      entities: Object.fromEntries(
        engine.entityIds(all).map((id, entity) => [engine.entities[entity]?.name ?? "", id ?? ""]),
      ),
      latitude: 51,
      longitude: 9,
    };
    const payment = { ...all, amountMinor: 4200, currency: "EUR", occurredAtMs: last.atMs, latitude: 51, longitude: 9 };
    const result = engine.applyPayment(states, { ...payment, transactionId: "last" });
    const expected = bruteForce(spec, [...eventsOf(rows), last]).at(-1);
    if (result.duplicate || expected === undefined || expected === "duplicate") throw new Error("a duplicate");
    for (const [index, value] of result.values.entries()) {
      expect([spec.features[index]?.name, isNear(value, expected.values?.[index] ?? Number.NaN)]).toEqual([
        spec.features[index]?.name,
        true,
      ]);
    }
    const newest = mine.findLast((event) => event.kind === "payment")?.id.slice("payment ".length) ?? "";
    const repeated = { ...payment, transactionId: transactionId("shop", newest) };
    expect(engine.applyPayment(states, repeated)).toEqual({ duplicate: true });
  });

  const [row = { ...rowsOf(1)[0] } as Row] = rows;
  test.each([
    ["a missing column", "card_token,terminal_id\na,b", "lacks the column client_transaction_id, amount_minor"],
    ["a value of another type", csvOf([{ ...row, amountMinor: "x" as never }]), "'x'"],
    ["a negative amount", csvOf([{ ...row, amountMinor: -1 }]), "payment c-0 has no amount_minor, or a negative one"],
    ["no card token", csvOf([{ ...row, card: "" }]), "has no card_token"],
    ["a label before its payment", csvOf([{ ...row, labelledAtMs: 1 }]), "was labelled before it took place"],
    ["a label without truth", csvOf([{ ...row, fraud: 2, labelledAtMs: row.atMs }]), "fraud is neither 0 nor 1"],
    ["an unknown currency", csvOf([{ ...row, currency: "XYZ" }]), '"XYZ" is not an ISO 4217 currency'],
    ["a duplicate id", csvOf([row, row]), "c-0 occurs more than once"],
    ["two faulty rows", csvOf([row, { ...row, id: "a", card: "" }, { ...row, id: "b", card: "" }]), "(and 1 more)"],
  ])("rejects %s and writes nothing", async (_name, text, reason) => {
    await expect(run(text)).rejects.toMatchObject({
      code: "invalid-field",
      message: expect.stringContaining(reason),
    });
    expect(await readdir(folder)).toEqual(["payments.csv"]);
  });

  test("reports a missing file", async () => {
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
    ["truncated", (bytes: Buffer) => bytes.subarray(0, bytes.length - 9), "truncated"],
    ["with a byte changed", (bytes: Buffer) => bytes.fill(bytes.readUInt8(900) ^ 1, 900, 901), "damaged"],
    ["with bytes after its end", (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)]), "damaged"],
    ["of another format", (bytes: Buffer) => bytes.fill(9, 8, 9), "format 9"],
    ["that is another file", () => Buffer.from("client_transaction_id,card_token,terminal_id"), "not a snapshot"],
  ])("%s is rejected before anything is written", async (_name, change, reason) => {
    const { statePath } = await run(csvOf(rowsOf(60)));
    await writeFile(statePath, change(await readFile(statePath)));
    const { outcome, keys } = await attempt(statePath);
    expect(outcome).toMatchObject({ code: "state-unreadable", message: expect.stringContaining(reason) });
    expect(keys).toBe(0);
  });

  test("is rejected if its spec has different windows", async () => {
    const { statePath } = await run(csvOf(rowsOf(5)));
    const feature = { name: "n", kind: "count", entity: "card", window: "1d", default: 0, sentence: "x" };
    const other = parseFeatureSpec(
      JSON.stringify({
        version: 2,
        windows: { "1d": { width: "1d", tile: "2h" } },
        entities: { card: { key: "card_token" }, terminal: { key: "terminal_id", optional: true } },
        features: [feature],
      }),
    );
    expect(await attempt(statePath, { spec: other })).toMatchObject({ outcome: { code: "state-unreadable" }, keys: 0 });
  });

  test("returns each entry once", async () => {
    const { statePath } = await run(csvOf(rowsOf(300)));
    const keys: string[] = [];
    let announced = 0;
    for await (const [key] of readSnapshot(statePath, (header) => (announced = header.entries))) keys.push(key);
    expect(keys).toHaveLength(announced);
    expect(new Set(keys).size).toBe(52);
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

  test("is backfilled in the order of its IDs, with labels after seven days", async () => {
    await write();
    const outputPath = join(folder, "out.parquet");
    const source = handbookSource({ directory: folder, cardTokenKey: key });
    const result = await backfill({ spec, source, tenant: "shop", outputPath });
    expect(result).toEqual({
      rows: 3,
      labels: 3,
      resumedEvents: 0,
      entities: { card: 2, terminal: 2, device: 0, ip: 0, email: 0, terminal_bin: 0, card_country: 0 },
    });
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

  test("can be read day by day for an import", async () => {
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

  test("must contain the requested day; otherwise, the error names the file", async () => {
    await write();
    const days = readHandbookPayments({ directory: folder, fromDay: "2018-04-03", toDay: "2018-04-03" });
    await expect(days.next()).rejects.toMatchObject({
      code: "invalid-field",
      message: expect.stringContaining("2018-04-03.csv.gz"),
    });
  });
});
