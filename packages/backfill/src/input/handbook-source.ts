import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import { cardToken, withLuhnDigit } from "@tripline/contracts/identifiers";
import type { TransactionsSource } from "./transactions-source.js";
import { absentColumns, unreadableInput } from "./transactions-source.js";
import { sqlText } from "./work-database.js";

/*
 * The simulated transactions of "Reproducible Machine Learning for Credit Card Fraud Detection - Practical Handbook"
 * (Le Borgne, Siblini, Lebichot, Bontempi, 2022): one file per day, `<directory>/raw/YYYY-MM-DD.csv.gz`, and the
 * locations of terminals, `<directory>/terminals.csv`. It has no devices or network addresses.
 */

/** Delay between a payment and its label. */
export const HANDBOOK_LABEL_DELAY_MS = 7 * 86_400_000;

/**
 * The handbook's terminals are on a 100 x 100 grid without a unit. We use kilometres and place its corner at 0° north,
 * 0° east, because a degree of longitude at the equator is as long as a degree of latitude, so the grid's distances are
 * preserved.
 */
const KM_PER_DEGREE = 111.195;

/** A payment of the handbook, ready to send to the ingestion API. */
export interface HandbookPayment {
  /** `hb-` and the handbook's TRANSACTION_ID. */
  readonly clientTransactionId: string;
  /** The handbook's TRANSACTION_ID. */
  readonly handbookId: number;
  readonly cardNumber: string;
  readonly terminalId: string;
  readonly amountMinor: number;
  readonly currency: "EUR";
  readonly occurredAtMs: number;
  readonly fraud: boolean;
  /** Location of the terminal, in degrees; absent if `terminals.csv` is missing or does not list the terminal. */
  readonly latitude?: number;
  readonly longitude?: number;
}

/** A deterministic card number for a customer: 16 digits from the test range 400000 with a valid Luhn check digit. */
export function handbookCardNumber(customerId: number): string {
  return withLuhnDigit(`400000${String(customerId).padStart(9, "0")}`);
}

/** The whole history as a source for `backfill`. `cardTokenKey` is the key of the ingestion API. */
export function handbookSource(options: { directory: string; cardTokenKey: Uint8Array }): TransactionsSource {
  const files = join(options.directory, "raw", "*.csv.gz");
  return {
    async prepare(connection, tenant) {
      await connection
        .run(`CREATE TABLE handbook AS ${rawSelect(files, options.directory)}`)
        .catch((error: unknown) => {
          throw unreadableInput(files, error);
        });
      const customers = await connection.runAndReadAll(
        "SELECT DISTINCT customer_id FROM handbook ORDER BY customer_id",
      );
      const rows = customers.getRows().map(([customerId]) => {
        const number = handbookCardNumber(Number(customerId));
        return `(${Number(customerId)}, ${sqlText(cardToken(options.cardTokenKey, tenant, number))})`;
      });
      await connection.run("CREATE TABLE handbook_cards (customer_id INTEGER, card_token VARCHAR)");
      if (rows.length > 0) await connection.run(`INSERT INTO handbook_cards VALUES ${rows.join(", ")}`);
      return `
        SELECT 'hb-' || handbook_id AS client_transaction_id, card_token, terminal_id, amount_minor, 'EUR' AS currency,
          occurred_at_ms, fraud, occurred_at_ms + ${HANDBOOK_LABEL_DELAY_MS} AS labelled_at_ms, handbook_id AS tie_order,
          latitude, longitude, ${absentColumns(["terminal_id", "latitude", "longitude"])}
        FROM handbook JOIN handbook_cards USING (customer_id)`;
    },
  };
}

/**
 * Payments from `fromDay` to `toDay`, both inclusive and in the form `YYYY-MM-DD`, in event order.
 *
 * @throws TriplineError `invalid-field` if there are no files for those days.
 */
export async function* readHandbookPayments(options: {
  directory: string;
  fromDay: string;
  toDay: string;
}): AsyncGenerator<HandbookPayment> {
  const files = daysBetween(options.fromDay, options.toDay).map((day) =>
    join(options.directory, "raw", `${day}.csv.gz`),
  );
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    for (const file of files) yield* readDay(connection, file, options.directory);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function* readDay(
  connection: DuckDBConnection,
  file: string,
  directory: string,
): AsyncGenerator<HandbookPayment> {
  const query = `SELECT handbook_id, customer_id, terminal_id, amount_minor::DOUBLE, occurred_at_ms::DOUBLE, fraud,
      latitude, longitude
    FROM (${rawSelect(file, directory)}) ORDER BY occurred_at_ms, handbook_id`;
  const reader = await connection.runAndReadAll(query).catch((error: unknown) => {
    throw unreadableInput(file, error);
  });
  for (const row of reader.getRows()) {
    const [handbookId, customerId, terminalId, amountMinor, occurredAtMs, fraud, latitude, longitude] = row;
    yield {
      clientTransactionId: `hb-${Number(handbookId)}`,
      handbookId: Number(handbookId),
      cardNumber: handbookCardNumber(Number(customerId)),
      terminalId: String(terminalId),
      amountMinor: Number(amountMinor),
      currency: "EUR",
      occurredAtMs: Number(occurredAtMs),
      fraud: Number(fraud) === 1,
      ...(typeof latitude === "number" && typeof longitude === "number" ? { latitude, longitude } : {}),
    };
  }
}

/** The handbook's columns under our names; the handbook's times are UTC without a time zone. */
function rawSelect(files: string, directory: string): string {
  return `
    SELECT TRANSACTION_ID::INTEGER AS handbook_id, CUSTOMER_ID::INTEGER AS customer_id,
      't-' || raw.TERMINAL_ID AS terminal_id, round(TX_AMOUNT::DOUBLE * 100)::BIGINT AS amount_minor,
      epoch_ms(TX_DATETIME::TIMESTAMP) AS occurred_at_ms, TX_FRAUD::TINYINT AS fraud,
      round(places.y / ${KM_PER_DEGREE}, 6) AS latitude, round(places.x / ${KM_PER_DEGREE}, 6) AS longitude
    FROM read_csv(${sqlText(files)}, header = true, all_varchar = true) AS raw
    LEFT JOIN (${placesSelect(directory)}) AS places ON places.terminal = raw.TERMINAL_ID::INTEGER`;
}

/** Locations of the terminals on the grid; no rows if the folder has no such file. */
function placesSelect(directory: string): string {
  const file = join(directory, "terminals.csv");
  if (!existsSync(file)) return "SELECT NULL::INTEGER AS terminal, NULL::DOUBLE AS x, NULL::DOUBLE AS y WHERE false";
  return `SELECT terminal_id::INTEGER AS terminal, x::DOUBLE AS x, y::DOUBLE AS y
    FROM read_csv(${sqlText(file)}, header = true, all_varchar = true)`;
}

function daysBetween(fromDay: string, toDay: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(fromDay); at <= Date.parse(toDay); at += 86_400_000) {
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  return days;
}
