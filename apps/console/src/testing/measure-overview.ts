import { runTestServers } from "@tripline/local-stack/testing/run-servers";
import { postgresConfig, readConfig } from "@tripline/settings/read-config";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { setUpDatabase } from "@tripline/stores/postgres/set-up-database";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { CONSOLE_MIGRATIONS } from "../migrations.js";
import { MERCHANTS_MAX } from "../overview/count-overview.js";
import { SUM_COLUMNS } from "../overview/overview-columns.js";
import { overviewQuery } from "../overview/overview-period.js";
import { OverviewReader } from "../overview/overview-reader.js";

/**
 * `node apps/console/dist/testing/measure-overview.js`: how long the Overview of a year takes, with a Postgres of its own. The
 * figures are those of 1,000 payments per second for two years, in three currencies, with as many merchants as are
 * counted separately. Prints the median and the maximum of 20 requests per query.
 */

const DAYS = 731;
const PER_SECOND = 1_000;
const SECONDS_OF_DAY = 86_400;
const REQUESTS = 20;
const TENANT = "measured";
/** One payment in 100 is reviewed and one declined; one in 1,000 is fraud. */
const SEEDED = SUM_COLUMNS.map(({ group, what, isAmount }) => {
  const share = (group === "approved" ? 1 : 100) * (what === "payments" ? 1 : 1_000);
  return `payments / ${share}${isAmount ? " * 5000" : ""}`;
}).join(", ");
const MONTH_SUMS = SUM_COLUMNS.map(({ name }) => `sum(${name})`).join(", ");
const QUERIES = [
  { bucket: "month", count: 12 },
  { bucket: "month", count: 12, by: "country" },
  { bucket: "month", count: 12, by: "reason" },
  { bucket: "month", count: 12, by: "model" },
  { bucket: "month", count: 12, by: "merchant" },
  { bucket: "day", count: 366, by: "merchant" },
  { bucket: "day", count: 30, by: "merchant" },
] as const;

async function seed(database: Database): Promise<void> {
  await database.execute(
    `INSERT INTO console.overview_days
     SELECT $1, dimension, 'day', (now() AT TIME ZONE 'UTC')::date - age, currency, value, ${SEEDED}
     FROM generate_series(0, ${DAYS - 1}) age, (VALUES ('EUR', 0.6), ('USD', 0.3), ('JPY', 0.1)) c (currency, size),
       (VALUES ('all', 1), ('country', 120), ('reason', 40), ('model', 4), ('merchant', ${MERCHANTS_MAX})) d (dimension, count),
       generate_series(1, d.count) number, LATERAL (SELECT CASE dimension WHEN 'all' THEN '' ELSE dimension || number END AS value) v,
       LATERAL (SELECT (${PER_SECOND * SECONDS_OF_DAY} * size / d.count)::bigint AS payments) p`,
    [TENANT],
  );
  await database.execute(
    `INSERT INTO console.overview_days
     SELECT tenant, dimension, 'month', date_trunc('month', day::timestamp)::date AS month, currency, value, ${MONTH_SUMS}
     FROM console.overview_days GROUP BY 1, 2, 3, 4, 5, 6`,
    [],
  );
  await database.execute("ANALYZE console.overview_days");
}

async function measure(reader: OverviewReader, query: (typeof QUERIES)[number]): Promise<string> {
  const tookMs: number[] = [];
  for (let request = 0; request < REQUESTS; request += 1) {
    const startedMs = performance.now();
    await reader.read(TENANT, overviewQuery.parse(query));
    tookMs.push(performance.now() - startedMs);
  }
  const sorted = tookMs.toSorted((left, right) => left - right);
  const [median, max] = [sorted[REQUESTS / 2], sorted.at(-1)].map((ms) => Math.round(ms ?? 0));
  return `${JSON.stringify(query)}: median ${median} ms, maximum ${max} ms\n`;
}

const { stack, end } = await runTestServers();
const address = { url: stack.postgresUrl, connectionsMax: 2, queryTimeoutMs: 600_000, onIdleError: () => {} };
const database = connectDatabase(address);
try {
  const config = readConfig(z.object(postgresConfig), { POSTGRES_URL: stack.postgresUrl });
  await setUpDatabase(config, CONSOLE_MIGRATIONS, createLogger("measure", "warn"), async () => {});
  await seed(database);
  const reader = new OverviewReader(database, { RETENTION_DAYS: 90 });
  for (const query of QUERIES) process.stdout.write(await measure(reader, query));
} finally {
  await database.close();
  await end();
}
