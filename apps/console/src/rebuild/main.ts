import { parseArgs } from "node:util";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { readErasures } from "@tripline/kafka/read-erasures";
import { isDay } from "@tripline/lake/lake-layout";
import { kafkaConnection } from "@tripline/settings/kafka-connection";
import { kafkaConfig, postgresConfig, readConfig } from "@tripline/settings/read-config";
import { openBackgroundDatabase, setUpDatabase } from "@tripline/stores/postgres/set-up-database";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { consoleConfig } from "../config.js";
import { eraseProjection } from "../erasures/erase-projection.js";
import { CONSOLE_MIGRATIONS } from "../migrations.js";
import { caseOpening } from "../projection/open-cases.js";
import { ProjectionStore } from "../projection/projection-store.js";
import { rebuildProjection } from "./rebuild-projection.js";

/**
 * `node apps/console/dist/rebuild/main.js <lake> <first day> <last day>` rebuilds the console's tables of payments,
 * decisions, labels, payment updates and fraud reports from a lake, with the database and Kafka of the console's
 * environment.
 */

const DAY_MS = 86_400_000;
const GROUP = "console-rebuild";
const { CASE_OUTCOMES, CASE_HOURS } = consoleConfig.shape;
const rebuildConfig = z.object({ ...kafkaConfig, ...postgresConfig, CASE_OUTCOMES, CASE_HOURS });

type RebuildConfig = z.infer<typeof rebuildConfig>;

async function rebuild(config: RebuildConfig, lake: string, days: readonly string[]): Promise<string> {
  const logger = createLogger(GROUP, "warn");
  await setUpDatabase(config, CONSOLE_MIGRATIONS, logger, async () => {});
  const database = openBackgroundDatabase(config, CONSOLE_MIGRATIONS, logger);
  try {
    const store = new ProjectionStore(database, caseOpening(config));
    const kafka = connectKafka({ ...kafkaConnection(config), clientId: GROUP });
    const counts = await rebuildProjection({
      store,
      lake,
      days,
      readErasures: () => readErasures(kafka, GROUP),
      eraseAgain: (erasure) => eraseProjection(database, erasure, erasure.erasedAtMs),
    });
    return [...counts].map(([topic, rows]) => `${topic}=${rows}`).join(" ");
  } finally {
    await database.close();
  }
}

/** @throws TriplineError `invalid-field` */
function daysFrom(first: string, last: string): string[] {
  if (!isDay(first) || !isDay(last) || last < first) {
    throw new TriplineError(
      "invalid-field",
      "Specify a lake, a first day and a last day: main.js .tripline/lake 2026-11-01 2026-11-28",
    );
  }
  const count = (Date.parse(last) - Date.parse(first)) / DAY_MS + 1;
  return Array.from({ length: count }, (_, day) =>
    new Date(Date.parse(first) + day * DAY_MS).toISOString().slice(0, 10),
  );
}

try {
  const [lake = "", first = "", last = ""] = parseArgs({ allowPositionals: true }).positionals;
  const days = daysFrom(first, last);
  process.stdout.write(`rebuilt: ${await rebuild(readConfig(rebuildConfig, process.env), lake, days)}\n`);
} catch (thrown) {
  process.stderr.write(`${asTriplineError(thrown).message}\n`);
  process.exitCode = 1;
}
