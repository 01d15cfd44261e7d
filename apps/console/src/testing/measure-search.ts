import { createHash } from "node:crypto";
import { runTestServers } from "@tripline/local-stack/testing/run-servers";
import { postgresConfig, readConfig } from "@tripline/settings/read-config";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { setUpDatabase } from "@tripline/stores/postgres/set-up-database";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { CONSOLE_MIGRATIONS } from "../migrations.js";
import { SearchStore } from "../search/search-store.js";

/**
 * `node apps/console/dist/testing/measure-search.js [payments]`: measures how long the queries of a search take. Starts
 * its own Postgres and adds payments, 2 million by default; one in 50 is in a case. Prints the 95th percentile and the
 * maximum of 40 searches per text, and any sequential scan of a large table.
 */

const PAYMENTS = Number(process.argv[2] ?? 2_000_000);
const CASES = Math.round(PAYMENTS / 50);
const SEARCHES = 40;
const TENANT = "measured";
const TEXTS: readonly (readonly [what: string, text: (random: number) => string])[] = [
  ["a frequent amount", () => "10.00"],
  ["any amount", (random) => (5 + Math.floor(random * 49_000) / 100).toFixed(2)],
  ["an amount nobody paid", () => "7654.32 SEK"],
  [
    "a payment's ID",
    (random) =>
      `txn_${createHash("md5")
        .update(`${1 + Math.floor(random * PAYMENTS)}`)
        .digest("hex")}`,
  ],
  ["a card", (random) => `ct_${Math.floor((random * PAYMENTS) / 20)}`],
  ["a large merchant", () => "m-1"],
  ["a terminal", () => "T7"],
  [
    "a case's ID",
    (random) =>
      Math.floor(random * 0xffff)
        .toString(16)
        .padStart(4, "0"),
  ],
  ["a word", () => "score"],
];

async function seed(database: Database): Promise<void> {
  const run = (statement: string) => database.execute(statement, []);
  const nowMs = Date.now();
  // One payment in four has the same amount.
  await run(
    `INSERT INTO console.payments (transaction_id, tenant, client_transaction_id, card_token, terminal_id, device_token, ip_token,
       amount_minor, currency, occurred_at_ms, read_at_ms, record, merchant_id)
     SELECT 'txn_' || md5(n::text), '${TENANT}', 'order-' || n, 'ct_' || n % ${PAYMENTS / 20}, 'T' || n % 500, 'dt_' || n % 90000, '',
       CASE WHEN n % 4 = 0 THEN 1000 ELSE 500 + (n::bigint * 7919) % 49000 END, (ARRAY['EUR','USD','JPY'])[1 + n % 3],
       ${nowMs} - n * 1000::bigint, ${nowMs}, '\\x00', 'm-' || n % 300
     FROM generate_series(1, ${PAYMENTS}) n`,
  );
  await run(
    `INSERT INTO console.payment_values SELECT tenant, 'merchant', merchant_id, occurred_at_ms, transaction_id FROM console.payments`,
  );
  await run(
    `INSERT INTO console.decisions (transaction_id, tenant, outcome, rung, model_version, reason_codes, latency_ms, decided_at_ms, read_at_ms, record)
     SELECT transaction_id, tenant, 1, 1, 'm', '{}', 5, occurred_at_ms + 20, read_at_ms, '\\x00' FROM console.payments`,
  );
  await run(
    `INSERT INTO console.cases (id, tenant, card_token, status, payments, opened_at_ms, changed_at_ms, due_at_ms)
     SELECT md5('c' || n)::uuid, '${TENANT}', 'ct_' || n, 'closed', 1, ${nowMs} - n * 1000::bigint, ${nowMs}, ${nowMs}
     FROM generate_series(1, ${CASES}) n`,
  );
  await run(
    `INSERT INTO console.case_payments (transaction_id, case_id, tenant, client_transaction_id, terminal_id, outcome, amount_minor, currency,
       reason_codes, occurred_at_ms, decided_at_ms)
     SELECT 'txn_' || md5((n * 50)::text), md5('c' || n)::uuid, '${TENANT}', 'order-' || n * 50, '', 3, 1, 'EUR', '{}', 0, 0
     FROM generate_series(1, ${CASES}) n`,
  );
  await run(
    `INSERT INTO console.people SELECT '${TENANT}', 'p' || n, 'User ' || n, true, 0 FROM generate_series(1, 500) n`,
  );
  await run(
    `INSERT INTO console.overview_merchants SELECT '${TENANT}', 'm-' || n, now()::date FROM generate_series(1, 200) n`,
  );
  await run("VACUUM ANALYZE console.payments");
  for (const table of ["payment_values", "decisions", "cases", "case_payments"]) await run(`ANALYZE console.${table}`);
}

async function measure(store: SearchStore, [what, textOf]: (typeof TEXTS)[number]): Promise<string> {
  const tookMs: number[] = [];
  for (let search = 0; search < SEARCHES; search += 1) {
    // The numbers are evenly distributed and not random, so that every run searches for the same texts.
    const text = textOf((search * 0.618) % 1);
    const startedMs = performance.now();
    await Promise.all([
      store.payments(TENANT, text),
      store.cases(TENANT, text, true),
      store.entities(TENANT, text, true),
      store.users(TENANT, text),
      store.reasons(TENANT, text),
    ]);
    tookMs.push(performance.now() - startedMs);
  }
  const sorted = tookMs.toSorted((left, right) => left - right);
  const [p95, max] = [sorted[Math.floor(SEARCHES * 0.95) - 1], sorted.at(-1)].map((ms) => (ms ?? 0).toFixed(1));
  return `${what}: 95th percentile ${p95} ms, maximum ${max} ms\n`;
}

/** Sends statements to the database, and adds the plan of each one to `plans`. */
function explaining(database: Database, plans: string[]): Pick<Database, "query"> {
  const line = z.object({ "QUERY PLAN": z.string() });
  return {
    async query(row, text, values) {
      const explained = await database.query(line, `EXPLAIN (ANALYZE, BUFFERS) ${text}`, values);
      plans.push(explained.map((one) => one["QUERY PLAN"]).join("\n"));
      return database.query(row, text, values);
    },
  };
}

const { stack, end } = await runTestServers();
const address = { url: stack.postgresUrl, connectionsMax: 5, queryTimeoutMs: 600_000, onIdleError: () => {} };
const database = connectDatabase(address);
try {
  const config = readConfig(z.object(postgresConfig), { POSTGRES_URL: stack.postgresUrl });
  await setUpDatabase(config, CONSOLE_MIGRATIONS, createLogger("measure", "warn"), async () => {});
  await seed(database);
  const store = new SearchStore(database);
  for (const searched of TEXTS) process.stdout.write(await measure(store, searched));
  const plans: string[] = [];
  const explained = new SearchStore(explaining(database, plans) as Database);
  for (const [, textOf] of TEXTS) await measure(explained, ["", textOf]);
  const scans = new Set(plans.flatMap((plan) => plan.match(/Seq Scan on \w+/g) ?? []));
  process.stdout.write(`sequential scans: ${[...scans].join(", ") || "none"}\n${plans[0]}\n${plans[1]}\n`);
} finally {
  await database.close();
  await end();
}
