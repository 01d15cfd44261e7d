import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { cardToken, keyedToken, networkOf } from "@tripline/contracts/identifiers";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { OPTIONAL_COLUMNS } from "../generated/optional-columns.js";
import { TRANSACTIONS_COLUMNS } from "./transactions-source.js";
import { writeHistory } from "./write-history.js";

const startMs = Date.UTC(2025, 0, 6);
const untilMs = startMs + 2.5 * 86_400_000;
const simulation = { seed: 4, cards: 40, terminals: 30, startMs };
const cardTokenKey = Buffer.alloc(32, 7);

async function queried(sql: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

describe("writeHistory", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tripline-simulate-"));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("writes every payment before the end as a transactions file, without card numbers, device IDs or addresses", async () => {
    const path = join(folder, "history.parquet");
    const rows = await writeHistory({ simulation, untilMs, tenant: "demo", cardTokenKey, path });
    const columns = { ...TRANSACTIONS_COLUMNS, ...OPTIONAL_COLUMNS };
    const expected: unknown[][] = [];
    for (const payment of createSimulation(simulation)) {
      if (payment.occurredAtMs >= untilMs) break;
      expected.push([
        payment.clientTransactionId,
        cardToken(cardTokenKey, "demo", payment.cardNumber),
        BigInt(payment.amountMinor),
        payment.currency,
        BigInt(payment.occurredAtMs),
        payment.fraud ? 1 : 0,
        BigInt(payment.labelledAtMs),
        payment.terminalId,
        payment.deviceId === null ? null : keyedToken("device", cardTokenKey, "demo", payment.deviceId),
        payment.ipAddress === null ? null : keyedToken("ip", cardTokenKey, "demo", payment.ipAddress),
        payment.latitude,
        payment.longitude,
        payment.cardNumber.slice(0, 8),
        payment.email === null ? null : keyedToken("email", cardTokenKey, "demo", payment.email),
        payment.ipAddress === null ? null : keyedToken("network", cardTokenKey, "demo", networkOf(payment.ipAddress)),
        payment.cardCountry,
        payment.merchantCountry,
        payment.ipCountry,
      ]);
    }
    for (const column of [8, 9, 10, 11, 14, 17]) {
      const absent = expected.filter((row) => row[column] === null).length;
      expect([absent > 0, absent < expected.length * 0.6]).toEqual([true, true]);
    }
    expect(expected.length).toBeGreaterThan(100);
    expect(rows).toBe(expected.length);
    // The simulation does not fill the remaining fields.
    const empty = Array.from({ length: Object.keys(columns).length - (expected[0]?.length ?? 0) }, () => null);
    expect(await queried(`SELECT * FROM read_parquet('${path}')`)).toEqual(expected.map((row) => [...row, ...empty]));
    const types = await queried(`DESCRIBE SELECT * FROM read_parquet('${path}')`);
    expect(Object.fromEntries(types.map(([name, type]) => [name, type]))).toEqual(columns);
  });

  test("writes the details of payments, with tokens in place of personal data", async () => {
    const path = join(folder, "details.parquet");
    const detailed = { ...simulation, hasDetails: true };
    await writeHistory({ simulation: detailed, untilMs, tenant: "demo", cardTokenKey, path });
    const expected: unknown[][] = [];
    for (const payment of createSimulation(detailed)) {
      if (payment.occurredAtMs >= untilMs) break;
      const { accountId, phone, shippingPostalCode, accountAgeDays, liabilityShift } = payment;
      expected.push([
        payment.mcc,
        payment.channel,
        accountId ? keyedToken("account", cardTokenKey, "demo", accountId) : null,
        accountAgeDays == null ? null : BigInt(accountAgeDays),
        phone ? keyedToken("phone", cardTokenKey, "demo", phone) : null,
        shippingPostalCode ? keyedToken("postal_code", cardTokenKey, "demo", shippingPostalCode) : null,
        liabilityShift ?? null,
      ]);
    }
    const columns =
      "mcc, channel, account_token, account_age_days, phone_token, shipping_postal_token, liability_shift";
    expect(await queried(`SELECT ${columns} FROM read_parquet('${path}')`)).toEqual(expected);
    expect(expected.filter((row) => row[2] !== null).length).toBeGreaterThan(20);
  });
});
