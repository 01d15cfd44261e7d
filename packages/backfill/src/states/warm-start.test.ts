import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { labelId, transactionId } from "@tripline/contracts/identifiers";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import { testStack } from "@tripline/local-stack/testing/stack";
import { Redis } from "ioredis";
import type { BackfillOptions } from "../backfill.js";
import { backfill } from "../backfill.js";
import { fileSource } from "../input/transactions-source.js";
import { writeHistory } from "../input/write-history.js";
import { loadState } from "./load-state.js";
import { readSnapshot } from "./state-snapshot.js";

const TENANT = "shop";
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2025, 0, 6);
const MIDDLE_MS = START_MS + 40 * DAY_MS;
const END_MS = START_MS + 47 * DAY_MS;
const spec = currentFeatureSpec();
const engine = compileEngine(spec);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warm-start-"));
  const simulation = { seed: 5, cards: 60, terminals: 40, startMs: START_MS };
  const path = join(folder, "history.parquet");
  await writeHistory({ simulation, untilMs: END_MS, tenant: TENANT, cardTokenKey: Buffer.alloc(32, 1), path });
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});
async function run(name: string, untilMs: number, tuning: NonNullable<BackfillOptions["tuning"]> = {}) {
  const outputPath = join(folder, `${name}.parquet`);
  const statePath = join(folder, `${name}.bin`);
  const source = fileSource(join(folder, "history.parquet"));
  const result = await backfill({ spec, source, tenant: TENANT, outputPath, statePath, untilMs, tuning });
  return { result, outputPath, statePath };
}
async function query(sql: string) {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(sql);
  const rows = reader.getRowObjects();
  connection.closeSync();
  instance.closeSync();
  return rows;
}
/** Payments and labels from a given time on, in the order in which a backfill counts them. */
async function eventsFrom(fromMs: number) {
  const input = join(folder, "history.parquet");
  const rows = await query(`
    WITH payments AS (
      SELECT *, row_number() OVER (ORDER BY occurred_at_ms, client_transaction_id) AS place FROM '${input}'
    )
    SELECT * FROM (
      SELECT 'payment' AS stream, occurred_at_ms::DOUBLE AS at_ms, * FROM payments
      UNION ALL
      SELECT 'label' AS stream, labelled_at_ms::DOUBLE AS at_ms, * FROM payments WHERE labelled_at_ms < ${END_MS}
    ) WHERE at_ms >= ${fromMs} AND occurred_at_ms < ${END_MS} ORDER BY at_ms, stream, place`);
  return rows.map((row) => ({
    stream: row.stream === "label" ? ("label" as const) : ("payment" as const),
    atMs: Number(row.at_ms),
    paidAtMs: Number(row.occurred_at_ms),
    clientId: String(row.client_transaction_id),
    ids: {
      cardToken: String(row.card_token),
      terminalId: String(row.terminal_id),
      deviceToken: String(row.device_token ?? ""),
      ipToken: String(row.ip_token ?? ""),
      bin: String(row.bin ?? ""),
      emailToken: String(row.email_token ?? ""),
      merchantCountry: String(row.merchant_country ?? ""),
    },
    amountMinor: Number(row.amount_minor),
    currency: String(row.currency),
    fraud: row.fraud === 1,
    latitude: row.latitude === null ? undefined : Number(row.latitude),
    longitude: row.longitude === null ? undefined : Number(row.longitude),
  }));
}
type Ids = Awaited<ReturnType<typeof eventsFrom>>[number]["ids"];

/** Caches states that are read from Redis on first use. */
class OnlineStates {
  readonly states = new Map<string, { readonly entity: number; readonly state: EntityState }>();
  constructor(private readonly redis: Redis) {}
  async of(ids: Ids): Promise<(EntityState | undefined)[]> {
    const states: (EntityState | undefined)[] = [];
    for (const [entity, key] of engine.stateKeys(TENANT, ids).entries()) {
      if (key === undefined) {
        states.push(undefined);
        continue;
      }
      const known = this.states.get(key)?.state ?? engine.decodeState(entity, await this.redis.getBuffer(key));
      this.states.set(key, { entity, state: known });
      states.push(known);
    }
    return states;
  }
}
test("online processing continues where a backfill ended, and gives the results of a single backfill", async () => {
  const whole = await run("whole", END_MS);
  const half = await run("half", MIDDLE_MS, { blockPayments: 97, workers: 3 });
  const { redisUrl } = await testStack();
  expect((await loadState({ statePath: half.statePath, redisUrl })).states).toBeGreaterThan(150);
  const redis = new Redis(redisUrl);
  const online = new OnlineStates(redis);
  const values: (readonly number[])[] = [];
  // Profiles are not part of a state.
  const ownPlaces = spec.features.flatMap(({ kind }, place) => (kind === "profile" ? [] : [place]));
  for (const { stream, atMs, paidAtMs, clientId, ids, fraud, ...paid } of await eventsFrom(MIDDLE_MS)) {
    if (stream === "label") {
      const states = await online.of({ ...ids, deviceToken: "", ipToken: "" });
      const times = { labelledAtMs: atMs, occurredAtMs: paidAtMs };
      engine.applyLabel(states, { labelId: labelId(TENANT, clientId), ...times, fraud, ...ids });
      continue;
    }
    const payment = { ...ids, ...paid, transactionId: transactionId(TENANT, clientId), occurredAtMs: atMs };
    const result = engine.applyPayment(await online.of(ids), payment);
    if (result.duplicate) throw new Error(`${clientId} was counted before`);
    values.push(ownPlaces.map((place) => result.values[place] ?? Number.NaN));
  }
  await redis.quit();
  const names = ownPlaces.map((place) => `"${spec.features[place]?.name}"`).join(", ");
  const rest = await query(`SELECT ${names} FROM '${whole.outputPath}' WHERE occurred_at_ms >= ${MIDDLE_MS}`);
  expect(values.length).toBeGreaterThan(500);
  expect(values).toEqual(rest.map((row) => Object.values(row)));
  const expected = new Map<string, Buffer>();
  for await (const [key, bytes] of readSnapshot(whole.statePath, () => {})) expected.set(key, Buffer.from(bytes));
  for (const [key, { entity, state }] of online.states) {
    const bytes = engine.encodeState(entity, state);
    expect([key, Buffer.compare(expected.get(key) ?? Buffer.alloc(0), bytes)]).toEqual([key, 0]);
  }
});
test("the files do not depend on the number of threads, nor the values and states on the block size", async () => {
  const one = await run("one", END_MS, { workers: 1, blockPayments: 500 });
  const several = await run("several", END_MS, { workers: 3, blockPayments: 500 });
  const small = await run("small", END_MS, { workers: 2, blockPayments: 61, checkpointMs: 0 });
  expect([several.result, small.result]).toEqual([one.result, one.result]);
  expect(Buffer.compare(await readFile(one.outputPath), await readFile(several.outputPath))).toBe(0);
  const states = await Promise.all([one, several, small].map(({ statePath }) => readFile(statePath)));
  expect(states.map((bytes) => Buffer.compare(bytes, states[0] ?? Buffer.alloc(0)))).toEqual([0, 0, 0]);
  const rows = await Promise.all([one, small].map(({ outputPath }) => query(`SELECT * FROM '${outputPath}'`)));
  expect(rows[1]).toEqual(rows[0]);
});
