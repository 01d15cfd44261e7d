import type { DuckDBConnection } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import { checkPayments } from "./check-payments.js";

const GOOD = {
  client_transaction_id: "'p1'",
  card_token: "'c'",
  terminal_id: "'t'",
  amount_minor: "9007199254740",
  currency: "'EUR'",
  occurred_at_ms: "8640000000000000",
  fraud: "NULL::TINYINT",
  labelled_at_ms: "NULL::BIGINT",
  latitude: "-90::DOUBLE",
  longitude: "180::DOUBLE",
};
let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(":memory:");
  connection = await instance.connect();
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});
async function check(change: Partial<Record<keyof typeof GOOD, string>>): Promise<void> {
  const columns = Object.entries({ ...GOOD, ...change }).map(([name, value]) => `${value} AS ${name}`);
  await connection.run(`CREATE OR REPLACE TABLE payments AS SELECT ${columns.join(", ")}`);
  await checkPayments(connection);
}
test("accepts the largest amount, the latest time and the poles", async () => {
  await expect(check({})).resolves.toBeUndefined();
  await expect(check({ latitude: "NULL::DOUBLE", longitude: "NULL::DOUBLE" })).resolves.toBeUndefined();
});
test.each([
  [{ amount_minor: "9007199254741" }, "the payment p1 has an amount_minor above 9007199254740"],
  [{ occurred_at_ms: "8640000000000001" }, "p1 took place or was labelled after the year 275760"],
  [{ labelled_at_ms: "8640000000000001", fraud: "1" }, "p1 took place or was labelled after the year 275760"],
  [{ latitude: "90.5" }, "p1 has a latitude outside -90 to 90 degrees"],
  [{ latitude: "'nan'::DOUBLE" }, "p1 has a latitude outside -90 to 90 degrees"],
  [{ longitude: "-180.5" }, "p1 has a longitude outside -180 to 180 degrees"],
  [{ longitude: "'inf'::DOUBLE" }, "p1 has a longitude outside -180 to 180 degrees"],
])("rejects %j", async (change, sentence) => {
  await expect(check(change)).rejects.toMatchObject({
    code: "invalid-field",
    message: expect.stringContaining(sentence),
  });
});
