import { asTriplineError } from "@tripline/contracts/error-table";
import { isSubject } from "@tripline/contracts/identifiers";
import { postgresConfig, readConfig } from "@tripline/settings/read-config";
import { openBackgroundDatabase } from "@tripline/stores/postgres/set-up-database";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { exportCard } from "../erasures/export-card.js";
import { CONSOLE_MIGRATIONS } from "../migrations.js";

/** Started by `tripline personal export`, because only the console knows its tables. Writes JSON lines. */

const exportConfig = z.object({ ...postgresConfig, TENANT: z.string().min(1), SUBJECT: z.string().refine(isSubject) });

try {
  const config = readConfig(exportConfig, process.env);
  const database = openBackgroundDatabase(config, CONSOLE_MIGRATIONS, createLogger("console-export", "warn"));
  try {
    for await (const row of exportCard(database, config.TENANT, config.SUBJECT)) {
      process.stdout.write(`${JSON.stringify(row)}\n`);
    }
  } finally {
    await database.close();
  }
} catch (thrown) {
  process.stderr.write(`${asTriplineError(thrown).message}\n`);
  process.exitCode = 1;
}
