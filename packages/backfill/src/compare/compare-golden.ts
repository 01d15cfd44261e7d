import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { DuckDBInstance } from "@duckdb/node-api";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { HANDBOOK_LABEL_DELAY_MS } from "../input/handbook-source.js";
import { unreadableInput } from "../input/transactions-source.js";
import { sqlName, sqlText } from "../input/work-database.js";

/*
 * Compares our features with those that the handbook publishes. The handbook's windows have no tiles: (t - w, t]. Ours
 * reach back by up to one tile more. If nothing happened in that tile, the features are equal. Otherwise, our count is
 * between the published count and the count of the longer window.
 */

/** A published feature, our feature, and the result of comparing them. */
export interface GoldenRow {
  readonly feature: string;
  readonly published: string;
  readonly rows: number;
  /** Rows without events in the additional tile of our window. */
  readonly comparable: number;
  /**
   * Comparable rows that differ. This happens only if two payments of one card share a second, because we order them
   * differently.
   */
  readonly unequal: number;
  /** Rows with equal values, out of all rows. */
  readonly equal: number;
  /** Rows with values outside the bounds that the tile allows, out of all rows; undefined if there is no such bound. */
  readonly outOfBounds: number | undefined;
  readonly differenceMean: number;
  readonly differenceMax: number;
}

interface Pair {
  readonly feature: string;
  readonly published: string;
  /** Column of `tails`: whether the tile is empty, and by how much it can raise a count. */
  readonly window?: string;
  readonly isCount?: boolean;
}

const DAYS = [1, 7, 30] as const;
const DAY_MS = 86_400_000;
/** The published averages are running sums of doubles. */
const RELATIVE_TOLERANCE = 1e-9;
const MEMORY_LIMIT = "2GB";

const PAIRS: readonly Pair[] = [
  { feature: "is_weekend", published: "TX_DURING_WEEKEND" },
  { feature: "is_night", published: "TX_DURING_NIGHT" },
  ...DAYS.flatMap((days): Pair[] => [
    {
      feature: `card_count_${days}d`,
      published: `CUSTOMER_ID_NB_TX_${days}DAY_WINDOW`,
      window: `card_${days}d`,
      isCount: true,
    },
    {
      feature: `card_mean_${days}d`,
      published: `CUSTOMER_ID_AVG_AMOUNT_${days}DAY_WINDOW`,
      window: `card_${days}d`,
    },
    {
      feature: `terminal_fraud_rate_${days}d`,
      published: `TERMINAL_ID_RISK_${days}DAY_WINDOW`,
      window: `terminal_${days}d`,
    },
  ]),
];

/**
 * Compares a backfill of the handbook's data with the published features, for the days that those cover.
 *
 * @param directory the folder that contains `golden-features/`
 * @param featuresPath Parquet that `backfill` wrote from the same data
 * @throws TriplineError `invalid-field` if a file cannot be read
 */
export async function compareGolden(
  spec: FeatureSpec,
  directory: string,
  featuresPath: string,
): Promise<readonly GoldenRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "tripline-golden-"));
  const instance = await DuckDBInstance.create(join(folder, "golden.duckdb"), { memory_limit: MEMORY_LIMIT });
  const connection = await instance.connect();
  const golden = join(directory, "golden-features", "*.csv.gz");
  try {
    await connection.run(`CREATE TABLE ours AS SELECT * FROM read_parquet(${sqlText(featuresPath)})`);
    await connection
      .run(`CREATE TABLE golden AS SELECT *, 'hb-' || TRANSACTION_ID AS id FROM read_csv(${sqlText(golden)})`)
      .catch((error: unknown) => {
        throw unreadableInput(golden, error);
      });
    await connection.run(`CREATE TABLE tails AS ${tailsQuery(spec)}`);
    const rows: GoldenRow[] = [];
    for (const pair of PAIRS) rows.push(await compare(connection, pair));
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}

/** For each payment and window: the number of events in the tile before the published window. */
function tailsQuery(spec: FeatureSpec): string {
  const columns = DAYS.flatMap((days) => {
    const tileMs = spec.windows[`${days}d`]?.tile ?? 0;
    const widthMs = days * DAY_MS;
    const over = (key: string, fromMs: number, toMs: number) =>
      `count(*) OVER (PARTITION BY ${key} ORDER BY occurred_at_ms RANGE BETWEEN ${fromMs} PRECEDING AND ${toMs} PRECEDING)`;
    const delay = HANDBOOK_LABEL_DELAY_MS;
    return [
      `${over("card_token", widthMs + tileMs, widthMs)} AS card_${days}d`,
      `${over("terminal_id", widthMs + tileMs + delay, widthMs + delay)} AS terminal_${days}d`,
    ];
  });
  return `SELECT client_transaction_id AS id, ${columns.join(", ")} FROM ours`;
}

async function compare(connection: DuckDBConnection, pair: Pair): Promise<GoldenRow> {
  const ours = `ours.${sqlName(pair.feature)}`;
  const theirs = `golden.${sqlName(pair.published)}`;
  const difference = `abs(${ours} - ${theirs})`;
  const equal = `${difference} <= ${RELATIVE_TOLERANCE} * greatest(1, abs(${theirs}))`;
  const tail = pair.window === undefined ? "0" : `tails.${pair.window}`;
  const outside = `NOT (${ours} BETWEEN ${theirs} AND ${theirs} + ${tail})`;
  const reader = await connection.runAndReadAll(`
    SELECT count(*)::DOUBLE, count(*) FILTER (${tail} = 0)::DOUBLE, count(*) FILTER (${tail} = 0 AND NOT ${equal})::DOUBLE,
      count(*) FILTER (${equal})::DOUBLE, count(*) FILTER (${outside})::DOUBLE, avg(${difference}), max(${difference})
    FROM golden JOIN ours ON ours.client_transaction_id = golden.id JOIN tails ON tails.id = golden.id`);
  const [rows, comparable, unequal, same, outOfBounds, differenceMean, differenceMax] = (reader.getRows()[0] ?? []).map(
    Number,
  );
  return {
    feature: pair.feature,
    published: pair.published,
    rows: rows ?? 0,
    comparable: comparable ?? 0,
    unequal: unequal ?? 0,
    equal: same ?? 0,
    outOfBounds: pair.isCount === true ? outOfBounds : undefined,
    differenceMean: differenceMean ?? 0,
    differenceMax: differenceMax ?? 0,
  };
}
