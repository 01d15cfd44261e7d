import { parseArgs } from "node:util";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { isDay } from "@tripline/lake/lake-layout";
import { kafkaConfig, postgresConfig, readConfig } from "@tripline/service-kit/config/read-config";
import { kafkaConnection } from "@tripline/service-kit/kafka/kafka-connection";
import { openBackgroundDatabase, setUpDatabase } from "@tripline/service-kit/postgres/set-up-database";
import { createLogger } from "@tripline/service-kit/telemetry/logger";
import { z } from "zod";
import { consoleConfig } from "../config.js";
import { CONSOLE_MIGRATIONS } from "../migrations.js";
import { caseOpening } from "../projection/open-cases.js";
import { ProjectionStore } from "../projection/projection-store.js";
import { rebuildProjection } from "./rebuild-projection.js";

/**
 * `node apps/console/dist/rebuild/main.js <lake> <first day> <last day>` makes the console's tables of payments, decisions and
 * labels anew from a lake, with the database and the Kafka of the console's environment.
 */

const DAY_MS = 86_400_000;
const READ_MS_MAX = 30_000;
const { CASE_OUTCOMES, CASE_HOURS } = consoleConfig.shape;
const rebuildConfig = z.object({ ...kafkaConfig, ...postgresConfig, CASE_OUTCOMES, CASE_HOURS });

type RebuildConfig = z.infer<typeof rebuildConfig>;

async function rebuild(config: RebuildConfig, lake: string, days: readonly string[]): Promise<string> {
  const logger = createLogger("console-rebuild", "warn");
  await setUpDatabase(config, CONSOLE_MIGRATIONS, logger, async () => {});
  const database = openBackgroundDatabase(config, CONSOLE_MIGRATIONS, logger);
  try {
    const store = new ProjectionStore(database, caseOpening(config));
    const counts = await rebuildProjection({ store, lake, days, erasures: await readErasures(config) });
    return [...counts].map(([topic, rows]) => `${topic}=${rows}`).join(" ");
  } finally {
    await database.close();
  }
}

/** @throws TriplineError `kafka-unavailable` after 30 s */
async function readErasures(config: RebuildConfig): Promise<readonly Erasure[]> {
  const kafka = connectKafka({ ...kafkaConnection(config), clientId: "console-rebuild" });
  const erasures: Erasure[] = [];
  const table = await kafka.follow({
    topic: TABLES.erasures.name,
    group: "console-rebuild",
    apply(changes) {
      for (const { value } of changes) if (value !== undefined) erasures.push(Erasure.decode(value));
    },
    onStop() {},
  });
  const late = AbortSignal.timeout(READ_MS_MAX);
  try {
    await new Promise<void>((resolve, reject) => {
      const detail = `The topic ${TABLES.erasures.name} could not be read within ${READ_MS_MAX / 1_000} s.`;
      late.addEventListener("abort", () => reject(new TriplineError("kafka-unavailable", detail)));
      table.ready.then(resolve, reject);
    });
    return erasures;
  } finally {
    await table.close();
  }
}

/** @throws TriplineError `invalid-field` */
function daysFrom(first: string, last: string): string[] {
  if (!isDay(first) || !isDay(last) || last < first) {
    throw new TriplineError(
      "invalid-field",
      "Give a lake, a first and a last day: main.js .tripline/lake 2026-11-01 2026-11-28",
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
