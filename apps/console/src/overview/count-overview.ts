import type { Queries } from "@tripline/stores/postgres/connect-database";
import { OUTCOMES, SUM_COLUMNS } from "./overview-columns.js";

/** How long figures are kept, in days: two years and two months, so that a year can be compared with the one before. */
export const OVERVIEW_DAYS = 800;
/** Payments may be dated a little in the future, because clocks differ. */
const FUTURE_MS_MAX = 86_400_000;
/**
 * Maximum number of merchants with figures of their own per tenant: the first ones that had a payment. Instances that
 * write at the same time may exceed it by the merchants of one transaction each.
 */
export const MERCHANTS_MAX = 200;
export const OTHER_MERCHANTS = "*";

const DAY_MS = 86_400_000;

/** SQL for whether a payment's time is possible and recent enough. */
function isCountable(occurredAtMs: string, now: string): string {
  return `${occurredAtMs} BETWEEN ${now} - ${OVERVIEW_DAYS * DAY_MS} AND ${now} + ${FUTURE_MS_MAX}`;
}

/**
 * SQL for the day in which a new payment is counted; null if it is not counted.
 *
 * @param now SQL for the current time in milliseconds
 * @param since SQL for a row of `console.overview_since`
 */
export const countedDay = (occurredAtMs: string, now: string, since: string): string =>
  `CASE WHEN ${occurredAtMs} >= ${since}.since_ms AND ${isCountable(occurredAtMs, now)}
   THEN (to_timestamp(${occurredAtMs} / 1000.0) AT TIME ZONE 'UTC')::date END`;

/**
 * Notes until when payments are not all counted: the newest one that an instance of an earlier release has stored, during
 * an upgrade or after a rollback. That release does not note which payments it deletes. `$1` is the oldest time to keep.
 */
export const NOTE_UNCOUNTED = `UPDATE console.overview_since
  SET upgraded_ms = uncounted.at_ms, since_ms = greatest(since_ms, $1::bigint)
  FROM (
    SELECT max(p.occurred_at_ms) AS at_ms FROM console.payments p, console.overview_since since
    WHERE p.counted_day IS NULL AND p.occurred_at_ms > greatest(since.since_ms, since.upgraded_ms)
      AND p.read_at_ms >= $1::bigint AND ${isCountable("p.occurred_at_ms", "p.read_at_ms")}
  ) uncounted
  WHERE uncounted.at_ms > upgraded_ms`;

const COLUMNS = SUM_COLUMNS.map(({ name }) => name).join(", ");
const INCREASES = SUM_COLUMNS.map(({ name }) => `${name} = known.${name} + excluded.${name}`).join(", ");
const SUMS = SUM_COLUMNS.map(({ group, what, isAmount }) => {
  const changes = `c.${what}${isAmount ? " * p.amount_minor" : ""}`;
  return `coalesce(sum(${changes}) FILTER (WHERE d.outcome IN (${OUTCOMES[group].join(", ")})), 0)`;
}).join(", ");

/**
 * Counts payments and verdicts for the Overview. Call it last in the transaction, because it locks rows that other
 * instances also update.
 *
 * A payment is counted once, with its decision, unless an instance of an earlier release stored one of the two. A verdict
 * of a counted payment is counted for the first time or in place of the one counted before. Verdicts derived from reports
 * are also read from `labels`, so each is counted when it arrives there.
 *
 * @param arrived IDs of payments that are new or whose decision is new
 * @param labelled IDs of payments whose label was read, even if it was known
 */
export async function countOverview(
  queries: Queries,
  arrived: readonly string[],
  labelled: readonly string[],
): Promise<void> {
  if (arrived.length > 0) await addMerchants(queries, arrived);
  if (arrived.length + labelled.length === 0) return;
  await queries.execute(
    `WITH due AS MATERIALIZED (
       SELECT l.transaction_id, l.counted_fraud AS was, l.fraud
       FROM console.labels l JOIN console.payments p USING (transaction_id) JOIN console.decisions d USING (transaction_id)
       WHERE l.transaction_id = ANY($1::text[] || $2::text[]) AND l.counted_fraud IS DISTINCT FROM l.fraud
         AND p.counted_day IS NOT NULL AND d.is_counted
       ORDER BY l.transaction_id FOR UPDATE OF l
     ), counted_labels AS (
       UPDATE console.labels l SET counted_fraud = due.fraud FROM due WHERE l.transaction_id = due.transaction_id
     ), change AS (
       SELECT id AS transaction_id, 1 AS payments, 0 AS frauds, 0 AS genuine FROM unnest($1::text[]) AS id
       UNION ALL
       SELECT transaction_id, 0, fraud::int - coalesce(was::int, 0), (NOT fraud)::int - coalesce((NOT was)::int, 0) FROM due
     )
     INSERT INTO console.overview_days AS known (tenant, dimension, bucket, day, currency, value, ${COLUMNS})
     SELECT p.tenant, of.dimension, b.bucket, date_trunc(b.bucket, p.counted_day::timestamp)::date, p.currency, of.value,
       ${SUMS}
     FROM change c JOIN console.payments p USING (transaction_id) JOIN console.decisions d USING (transaction_id)
       LEFT JOIN console.overview_merchants m ON m.tenant = p.tenant AND m.merchant_id = p.merchant_id,
       LATERAL (VALUES ('all', ''), ('country', p.card_country), ('model', d.model_version),
         ('merchant', CASE WHEN p.merchant_id = '' THEN '' ELSE coalesce(m.merchant_id, '${OTHER_MERCHANTS}') END),
         ('reason', coalesce(d.reason ->> 'code', ''))) AS of (dimension, value),
       (VALUES ('day'), ('month')) AS b (bucket)
     WHERE p.counted_day IS NOT NULL AND d.is_counted
     GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
     ON CONFLICT (tenant, dimension, bucket, day, currency, value) DO UPDATE SET ${INCREASES}`,
    [arrived, labelled],
  );
}

/** Gives new merchants figures of their own, up to the limit. */
async function addMerchants(queries: Queries, arrived: readonly string[]): Promise<void> {
  await queries.execute(
    `WITH new AS (
       SELECT tenant, merchant_id, max(counted_day) AS day FROM console.payments
       WHERE transaction_id = ANY($1::text[]) AND counted_day IS NOT NULL AND merchant_id <> '' GROUP BY 1, 2
     ), known AS (
       SELECT tenant, count(*) AS merchants FROM console.overview_merchants
       WHERE tenant IN (SELECT tenant FROM new) GROUP BY 1
     ), ranked AS (
       SELECT new.*, m.seen_day, coalesce(known.merchants, 0) + row_number() OVER (
         PARTITION BY new.tenant, m.merchant_id IS NULL ORDER BY new.merchant_id) AS number
       FROM new LEFT JOIN known USING (tenant) LEFT JOIN console.overview_merchants m USING (tenant, merchant_id)
     )
     INSERT INTO console.overview_merchants AS m (tenant, merchant_id, seen_day)
     SELECT tenant, merchant_id, day FROM ranked
     WHERE seen_day < day OR seen_day IS NULL AND number <= ${MERCHANTS_MAX} ORDER BY 1, 2
     ON CONFLICT (tenant, merchant_id) DO UPDATE SET seen_day = greatest(m.seen_day, excluded.seen_day)`,
    [arrived],
  );
}
