import { testStack } from "@tripline/local-stack/testing/stack";
import { z } from "zod";
import type { Database, Queries } from "./connect-database.js";
import { connectDatabase } from "./connect-database.js";

const QUERY_MS_MAX = 30_000;
const END_MS_MAX = 60_000;

let database: Database;
let admin: Database;

beforeEach(async () => {
  const { postgresUrl: url } = await testStack();
  const options = { url, connectionsMax: 1, queryTimeoutMs: QUERY_MS_MAX, onIdleError() {} };
  database = connectDatabase(options);
  admin = connectDatabase(options);
});

afterEach(() => Promise.all([database.close(), admin.close()]));

async function processOf(queries: Queries): Promise<number> {
  const [row] = await queries.query(z.object({ pid: z.number() }), "SELECT pg_backend_pid() AS pid");
  return row?.pid ?? 0;
}

/** Ends a connection on the server side, as a restart or failover does, and waits until it has ended. */
async function endConnection(pid: number): Promise<void> {
  const ended = await admin.query(z.unknown(), "SELECT pg_terminate_backend($1, $2) AS ended", [pid, END_MS_MAX]);
  expect(ended).toEqual([{ ended: true }]);
  // Lets the connection read the server's last message.
  await new Promise((resolve) => setImmediate(resolve));
}

describe("a transaction whose connection breaks", () => {
  test.each([
    ["between two statements", endConnection],
    [
      "during a statement",
      (pid: number, transaction: Queries) =>
        Promise.all([transaction.execute("SELECT pg_sleep(60)"), endConnection(pid)]),
    ],
  ])("%s is rejected, and the next transaction gets another connection", async (_when, breakIt) => {
    let broken = 0;
    const work = database.transaction(async (transaction) => {
      broken = await processOf(transaction);
      await breakIt(broken, transaction);
      await transaction.execute("SELECT 1");
    });
    await expect(work).rejects.toMatchObject({ code: "database-unavailable" });
    const next = await database.transaction(processOf);
    expect(next).not.toBe(broken);
  });
});

test.each(["a statement", "a transaction"])(
  "regression #33: %s on a read-only connection fails as unavailable, and the next one uses another connection",
  async (what) => {
    const write = () =>
      what === "a statement"
        ? database.execute("CREATE TABLE IF NOT EXISTS written (id int)")
        : database.transaction((transaction) => transaction.execute("CREATE TABLE IF NOT EXISTS written (id int)"));
    // As on a server that was demoted.
    await database.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
    await expect(write()).rejects.toMatchObject({ code: "database-unavailable" });
    await write();
  },
);
