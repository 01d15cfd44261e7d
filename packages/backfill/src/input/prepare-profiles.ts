import type { DuckDBConnection } from "@duckdb/node-api";
import { currencyDecimals } from "@tripline/contracts/currency";
import { profileQuery, profileView } from "@tripline/contracts/profile-tables";
import type { ProfilePlan } from "@tripline/feature-engine/profiles";
import { sqlName, sqlText } from "./work-database.js";

const DAY_MS = 86_400_000;

/**
 * Computes the profiles of all entities from the tables that `prepareEvents` created, and adds to each payment the
 * profile values that were known when it took place, in the columns named by `profileColumn`. These values exclude the
 * payment's own day.
 */
export async function prepareProfiles(connection: DuckDBConnection, profiles: readonly ProfilePlan[]): Promise<void> {
  if (profiles.length === 0) return;
  await connection.run(`CREATE TEMP VIEW profile_payments AS
    SELECT card_token::VARCHAR AS card_token, terminal_id::VARCHAR AS terminal_id, occurred_at_ms,
      ${await thousandths(connection)} AS thousandths, latitude, longitude FROM payments`);
  await connection.run(`CREATE TEMP VIEW profile_labels AS
    SELECT terminal_id::VARCHAR AS terminal_id, labelled_at_ms, fraud FROM labels`);
  const joins: string[] = [];
  const columns: string[] = [];
  for (const { name, key, maxAgeMs, columns: names } of profiles) {
    const view = profileView(name);
    await connection.run(
      `CREATE TABLE ${view} AS SELECT *, (day + 1) * ${DAY_MS} AS at_ms FROM (${profileQuery(name)}) ORDER BY at_ms, ${key}`,
    );
    joins.push(
      `ASOF LEFT JOIN ${view} ON payments.${key}::VARCHAR = ${view}.${key} AND payments.occurred_at_ms >= ${view}.at_ms`,
    );
    const isInForce = `payments.occurred_at_ms - ${view}.at_ms <= ${maxAgeMs}`;
    columns.push(
      ...names.map((column) => `CASE WHEN ${isInForce} THEN ${view}.${column} END AS ${profileColumn(name, column)}`),
    );
  }
  await connection.run(`CREATE TABLE profiled AS
    SELECT payments.*, ${columns.join(", ")} FROM payments ${joins.join(" ")} ORDER BY payments.rowid`);
  await connection.run("DROP TABLE payments");
  await connection.run("ALTER TABLE profiled RENAME TO payments");
}

/** Name of the `payments` column that contains a column of a profile. */
export function profileColumn(entity: string, column: string): string {
  return sqlName(`profile ${entity} ${column}`);
}

/**
 * Writes the source tables of Feast's profile views, one `<view>.parquet` file per view, in the same format as
 * training/feature_repo.
 */
export async function writeProfiles(
  connection: DuckDBConnection,
  profiles: readonly ProfilePlan[],
  folder: string,
): Promise<void> {
  for (const { name, key } of profiles) {
    const view = profileView(name);
    await connection.run(
      `COPY (SELECT ${key}, make_timestamptz(at_ms * 1000) AS event_timestamp, * EXCLUDE (${key}, day, at_ms) FROM ${view}
       ORDER BY at_ms, ${key}) TO ${sqlText(`${folder}/${view}.parquet`)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  }
}

/** SQL for the amount of a payment in thousandths of the major unit, like `toThousandths`. */
async function thousandths(connection: DuckDBConnection): Promise<string> {
  const reader = await connection.runAndReadAll("SELECT DISTINCT currency::VARCHAR FROM payments");
  const cases = reader.getRows().map(([value]) => {
    const decimals = currencyDecimals(String(value));
    const factor = `amount_minor * ${10 ** Math.max(0, 3 - decimals)}`;
    const shown = decimals <= 3 ? factor : `round(amount_minor / ${10 ** (decimals - 3)})::BIGINT`;
    return `WHEN ${sqlText(String(value))} THEN ${shown}`;
  });
  return cases.length === 0 ? "0::BIGINT" : `CASE currency::VARCHAR ${cases.join(" ")} END::BIGINT`;
}
