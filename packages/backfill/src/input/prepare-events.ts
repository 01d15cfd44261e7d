import type { DuckDBConnection } from "@duckdb/node-api";
import type { EntityPlan } from "@tripline/feature-engine/plan-entities";
import type { ProfilePlan } from "@tripline/feature-engine/profiles";
import { checkPayments } from "./check-payments.js";
import { prepareProfiles } from "./prepare-profiles.js";
import type { TransactionsSource } from "./transactions-source.js";
import { unreadableInput } from "./transactions-source.js";
import type { UsedField } from "./used-fields.js";
import { isTextField } from "./used-fields.js";
import { sqlName } from "./work-database.js";

export interface PrepareOptions {
  readonly source: TransactionsSource;
  readonly tenant: string;
  readonly untilMs?: number;
  /** In the order of the spec. */
  readonly entities: readonly Pick<EntityPlan, "key" | "fields">[];
  readonly profiles: readonly ProfilePlan[];
  /** Payment fields that filters and categories read. */
  readonly fields: readonly UsedField[];
}

/** The events to fold. */
export interface PreparedEvents {
  readonly payments: number;
  readonly labels: number;
  /** The IDs of each entity in the spec, indexed by number. */
  readonly ids: readonly (readonly string[])[];
  /** By number. */
  readonly currencies: readonly string[];
  /** The strings in each column that filters and categories read, indexed by number. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
  /** Whether any payment has a location. */
  readonly hasPlaces: boolean;
}

/** Columns of `payments`, except ids and currencies. */
const OWN_COLUMNS = [
  ...["client_transaction_id", "amount_minor", "occurred_at_ms", "fraud", "labelled_at_ms"],
  ...["latitude", "longitude"],
];

/**
 * Stores the input in processing order: the table `payments`, sorted by time and tie order, and the table `labels`,
 * sorted by the time of the report and then in the order of their payments. Ids and currencies become enumerations; the
 * code of a value is its number.
 *
 * @throws TriplineError `invalid-field` if the source cannot be read or a row is not a payment.
 */
export async function prepareEvents(connection: DuckDBConnection, options: PrepareOptions): Promise<void> {
  const { source, tenant, untilMs, entities, profiles, fields } = options;
  const keys = entities.map(({ key }) => key);
  const values = fields.filter((column) => !keys.includes(column) && column !== "currency");
  const [texts, others] = [values.filter(isTextField), values.filter((column) => !isTextField(column))];
  // The tables are read only a few times, so compressing them would take more time than it saves.
  await connection.run("SET force_compression = 'uncompressed'");
  const select = await source.prepare(connection, tenant);
  const until = untilMs === undefined ? "true" : `occurred_at_ms < ${untilMs}`;
  try {
    const joined = entities.filter(({ fields }) => fields.length > 1).map((plan) => `, ${idOf(plan)} AS ${plan.key}`);
    await connection.run(`CREATE TEMP VIEW input AS SELECT *${joined.join("")} FROM (${select}) WHERE ${until}`);
    const named: string[] = [];
    for (const column of [...keys, "currency", ...texts])
      named.push(`${await enumerate(connection, column)} AS ${column}`);
    await connection.run(
      `CREATE TABLE payments AS SELECT ${[...OWN_COLUMNS, ...others, ...named].join(", ")} FROM input
       ORDER BY occurred_at_ms, tie_order`,
    );
  } catch (error) {
    throw unreadableInput("The input", error);
  }
  await checkPayments(connection);
  const labelled = untilMs === undefined ? "labelled_at_ms IS NOT NULL" : `labelled_at_ms < ${untilMs}`;
  await connection.run(
    `CREATE TABLE labels AS SELECT labelled_at_ms, fraud, occurred_at_ms, rowid AS payment, ${keys.join(", ")} FROM payments
     WHERE ${labelled} ORDER BY labelled_at_ms, payment`,
  );
  await prepareProfiles(connection, profiles);
  await connection.run(
    "CREATE TABLE prepared AS SELECT count(*), (SELECT count(*) FROM labels), count(latitude) FROM payments",
  );
  await connection.run("CHECKPOINT");
}

/** Reads what `prepareEvents` stored. */
export async function readPrepared(
  connection: DuckDBConnection,
  keys: readonly string[],
  fields: readonly UsedField[],
): Promise<PreparedEvents> {
  const reader = await connection.runAndReadAll("SELECT COLUMNS(*)::DOUBLE FROM prepared");
  const [payments, labels, places] = reader.getRows()[0] ?? [];
  const ids: string[][] = [];
  for (const key of keys) ids.push(await valuesOf(connection, key));
  const texts = new Map<string, readonly string[]>();
  for (const column of fields.filter(isTextField)) texts.set(column, await valuesOf(connection, column));
  return {
    payments: Number(payments),
    labels: Number(labels),
    ids,
    currencies: await valuesOf(connection, "currency"),
    texts,
    hasPlaces: Number(places) > 0,
  };
}

/** SQL for the number of a column's value in `payments` or `labels`, -1 for null; undefined if there are no values. */
export function numberOf(column: string, values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : `coalesce(enum_code(${column})::INTEGER, -1)`;
}

/** SQL for an id composed of several fields; null if any of them is missing. */
function idOf({ fields }: Pick<EntityPlan, "fields">): string {
  return fields.map((field) => `nullif(${field}, '')`).join(" || '/' || ");
}

function typeOf(column: string): string {
  return sqlName(`${column}_number`);
}

/** Converts the values of a column of `input` to an enumeration. @returns SQL for such a value */
async function enumerate(connection: DuckDBConnection, column: string): Promise<string> {
  const value = `nullif(${column}, '')`;
  const some = await connection.runAndReadAll(`SELECT 1 FROM input WHERE ${value} IS NOT NULL LIMIT 1`);
  if (some.currentRowCount === 0) return "NULL::VARCHAR";
  await connection.run(
    `CREATE TYPE ${typeOf(column)} AS ENUM (SELECT DISTINCT ${column} FROM input WHERE ${value} IS NOT NULL ORDER BY ${column})`,
  );
  return `${value}::${typeOf(column)}`;
}

async function valuesOf(connection: DuckDBConnection, column: string): Promise<string[]> {
  const known = await connection.runAndReadAll(
    `SELECT 1 FROM duckdb_types() WHERE type_name = '${column}_number' AND schema_name = 'main'`,
  );
  if (known.currentRowCount === 0) return [];
  const reader = await connection.runAndReadAll(`SELECT unnest(enum_range(NULL::${typeOf(column)}))`);
  return reader.getRows().map(([value]) => String(value));
}
