import { readdir } from "node:fs/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import type { Queries } from "./connect-database.js";
import type { Migrations } from "./migrate-database.js";

const newestRow = z.object({ version: z.number().nullable(), table: z.string().nullable() });

/**
 * For installations and upgrades, not for the start of a service: after a rollback, the previous version must run with
 * the newer schema, which is why migrations only add to the schema.
 *
 * @throws TriplineError `config-invalid` if the database has a migration that this build does not know
 */
export async function refuseNewerSchema(transaction: Queries, { schema, directory }: Migrations): Promise<void> {
  const [found] = await transaction.query(
    newestRow.pick({ table: true }),
    `SELECT to_regclass('${schema}.schema_migrations')::text AS table`,
  );
  if (found?.table === null || found === undefined) return;
  const [applied] = await transaction.query(
    newestRow.pick({ version: true }),
    `SELECT max(version) AS version FROM ${schema}.schema_migrations`,
  );
  const known = (await readdir(directory)).map((name) => Number(name.slice(0, 4))).filter(Number.isInteger);
  const newestKnown = Math.max(0, ...known);
  const newest = applied?.version ?? 0;
  if (newest <= newestKnown) return;
  throw new TriplineError(
    "config-invalid",
    `The database is at migration ${newest}, but this build only knows migrations up to ${newestKnown}. Deploy the version that created it or a later one, or restore an earlier backup.`,
  );
}
