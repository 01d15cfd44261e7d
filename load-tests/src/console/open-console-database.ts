import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CONSOLE_MIGRATIONS } from "@tripline/console/migrations";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import { connectDatabase } from "@tripline/service-kit/postgres/connect-database";
import { migrateDatabase } from "@tripline/service-kit/postgres/migrate-database";
import { z } from "zod";
import type { BenchContext } from "../harness/bench-context.js";
import type { CpuMeter } from "../harness/cpu-meter.js";
import { processTreeCpu } from "../harness/cpu-meter.js";

const CONNECTIONS_MAX = 10;
const QUERY_MS_MAX = 120_000;

/** The console's tables, empty, in a Postgres of the part. */
export async function openConsoleDatabase(context: BenchContext): Promise<{ database: Database; postgres: CpuMeter }> {
  const database = connectDatabase({
    url: await context.postgres(),
    connectionsMax: CONNECTIONS_MAX,
    queryTimeoutMs: QUERY_MS_MAX,
    onIdleError: ({ message }) => context.log(`a connection broke: ${message}`),
  });
  context.defer(() => database.close());
  await database.transaction((transaction) => migrateDatabase(transaction, CONSOLE_MIGRATIONS));
  return { database, postgres: processTreeCpu("postgres", await postmasterOf(database)) };
}

async function postmasterOf(database: Database): Promise<number> {
  const [row] = await database.query(
    z.object({ folder: z.string() }),
    "SELECT current_setting('data_directory') AS folder",
  );
  const file = await readFile(join(row?.folder ?? "", "postmaster.pid"), "utf8");
  return Number(file.split("\n")[0]);
}
