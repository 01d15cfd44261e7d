import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import { dayOf } from "@tripline/lake/lake-layout";
import { listFiles } from "@tripline/lake/log/list-files";
import type { Row } from "@tripline/lake/read/row-message";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import { DECLINED_KINDS } from "../truth/copy-fates.js";

export interface ArchivedRange {
  /** The folder that the archive service writes to. */
  readonly lake: string;
  /** Only decisions made at or after `fromMs` and before `toMs`, milliseconds since the epoch. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Only payments of this tenant; default: all tenants. */
  readonly tenant?: string;
}

/** A decision from the lake with its features and the verdict. */
export interface ArchivedDecision {
  readonly decision: Row;
  /** Undefined if the lake has none. */
  readonly features: Row | undefined;
  /** Undefined if no label has arrived. */
  readonly isFraud: boolean | undefined;
  /** Whether the issuer declined the payment, or the customer abandoned it, by the end of the next day. */
  readonly isNotPaid: boolean;
}

/** The number of decisions by one pair of versions. */
export interface ArchivedVersions {
  readonly policyVersion: string;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly specVersion: number;
  readonly rows: number;
}

const DAY_MS = 86_400_000;
/** A payment's first decision is the valid one and was made from the first vector; later records are redeliveries. */
const FIRST_DECISION = firstBy("decided_at_ms");
const FIRST_VECTOR = firstBy("computed_at_ms");
/** Columns that older archives do not have. */
const ADDED_TO_FEATURES = { incomplete: "BOOLEAN" };

/**
 * The versions that made the decisions of a range, most frequent first.
 *
 * @throws TriplineError `not-found` if the range has no decisions; `lake-unavailable`
 */
export async function surveyDecisions(scan: LakeScan, range: ArchivedRange): Promise<ArchivedVersions[]> {
  const found = new Map<string, ArchivedVersions>();
  for await (const table of decisionTables(scan, range)) {
    const ofDay = scan.rows(`SELECT policy_version, model_name, model_version, feature_spec_version,
        count(DISTINCT transaction_id) AS rows
      FROM ${table} WHERE ${conditionOf(range)} GROUP BY ALL`);
    for await (const chunk of ofDay) {
      for (const { rows, ...versions } of chunk.map(versionsOf)) {
        const key = JSON.stringify(Object.values(versions));
        found.set(key, { ...versions, rows: rows + (found.get(key)?.rows ?? 0) });
      }
    }
  }
  if (found.size > 0) return [...found.values()].sort(byFrequency);
  const { fromMs, toMs, tenant, lake } = range;
  const ofTenant = tenant === undefined ? "" : ` for the tenant ${tenant}`;
  throw new TriplineError(
    "not-found",
    `${lake} contains no decisions${ofTenant} from ${isoOf(fromMs)} to ${isoOf(toMs)}: ` +
      "set --from and --to to the times at which decisions were made.",
  );
}

/** @throws TriplineError `spec-mismatch` if no decision uses this build's feature spec */
export function requireSpec(archived: readonly ArchivedVersions[], spec: FeatureSpec): void {
  if (archived.some(({ specVersion }) => specVersion === spec.version)) return;
  const versions = [...new Set(archived.map(({ specVersion }) => specVersion))].join(", ");
  throw new TriplineError(
    "spec-mismatch",
    `All of these decisions have features of spec version ${versions}, but this build has ${spec.version}. ` +
      "Replay them with a release that has their spec.",
  );
}

/**
 * The decisions of a range day by day, in the order of partition and offset, in chunks of about 2,000.
 *
 * @throws TriplineError `lake-unavailable`
 */
export async function* readArchived(scan: LakeScan, range: ArchivedRange): AsyncGenerator<ArchivedDecision[]> {
  for await (const decisions of decisionTables(scan, range)) {
    for await (const chunk of scan.rows(await queryOf(scan, range, decisions))) {
      yield chunk.map(({ decision, features, fraud, is_not_paid }) => ({
        decision: decision as Row,
        features: hasId(features) ? features : undefined,
        isFraud: typeof fraud === "boolean" ? fraud : undefined,
        isNotPaid: is_not_paid === true,
      }));
    }
  }
}

/**
 * Yields the decisions of a range as SQL tables, one per day. Each table is valid only until the next one is requested,
 * so that only one day's files of a lake in an object store are on the local disk.
 *
 * @param columns columns that older files may lack, with their types
 * @throws TriplineError `lake-unavailable`
 */
export async function* decisionTables(
  scan: LakeScan,
  range: ArchivedRange,
  columns: Readonly<Record<string, string>> = {},
): AsyncGenerator<string> {
  for (const day of await daysOf(range)) {
    const table = await scan.table(range.lake, TOPICS.decisions, columns, [day]);
    if (table !== undefined) yield table;
    await scan.release();
  }
}

async function queryOf(scan: LakeScan, range: ArchivedRange, decisions: string): Promise<string> {
  const { lake } = range;
  const made = `SELECT * FROM ${decisions} WHERE ${conditionOf(range)} QUALIFY ${FIRST_DECISION}`;
  // Features are read only for the days on which the payments took place.
  const times = await scan.row(`SELECT list(DISTINCT strftime(make_timestamp(occurred_at_ms * 1000), '%Y-%m-%d'))
    AS days FROM ${decisions} WHERE ${conditionOf(range)}`);
  const days = Array.isArray(times.days) ? times.days.map(String) : [];
  const vectors = days.length === 0 ? undefined : await scan.table(lake, TOPICS.features, ADDED_TO_FEATURES, days);
  const labels = await scan.table(lake, TOPICS.labels);
  const truths =
    labels === undefined
      ? "SELECT NULL::VARCHAR AS tenant, NULL::VARCHAR AS client_transaction_id, NULL::BOOLEAN AS fraud WHERE false"
      : `SELECT tenant, client_transaction_id, fraud FROM ${labels} SEMI JOIN d USING (tenant, client_transaction_id)
        QUALIFY row_number() OVER (PARTITION BY tenant, client_transaction_id
          ORDER BY labelled_at_ms DESC, kafka_partition, kafka_offset DESC) = 1`;
  const updates = await scan.table(lake, TOPICS.paymentUpdates, undefined, withNextDays(days));
  const notPaid =
    updates === undefined
      ? "false"
      : `d.transaction_id IN (SELECT transaction_id FROM ${updates} WHERE ${DECLINED_KINDS})`;
  const withFeatures = vectors !== undefined;
  return `WITH d AS MATERIALIZED (${made}), l AS (${truths})
    ${withFeatures ? `, f AS (SELECT * FROM ${vectors} SEMI JOIN d USING (tenant, transaction_id) QUALIFY ${FIRST_VECTOR})` : ""}
    SELECT d AS decision, ${withFeatures ? "f" : "NULL"} AS features, l.fraud AS fraud, ${notPaid} AS is_not_paid FROM d
    ${withFeatures ? "LEFT JOIN f ON f.tenant = d.tenant AND f.transaction_id = d.transaction_id" : ""}
    LEFT JOIN l ON l.tenant = d.tenant AND l.client_transaction_id = d.client_transaction_id
    ORDER BY d.kafka_partition, d.kafka_offset`;
}

function withNextDays(days: readonly string[]): string[] {
  return [...new Set(days.flatMap((day) => [day, dayOf(Date.parse(day) + DAY_MS) ?? day]))].sort();
}

/** Days of the range with decisions, ascending. */
async function daysOf({ lake, fromMs, toMs }: ArchivedRange): Promise<string[]> {
  const [first = "", last = ""] = [dayOf(fromMs), dayOf(toMs - 1)];
  const { files } = await listFiles(lake, TOPICS.decisions.name);
  const days = files.map(({ day }) => day).filter((day) => day >= first && (last === "" || day <= last));
  return [...new Set(days)].sort();
}

/** The SQL condition for the decisions of the range. */
export function conditionOf({ fromMs, toMs, tenant }: ArchivedRange): string {
  const of = tenant === undefined ? "" : ` AND tenant = ${sqlText(tenant)}`;
  return `decided_at_ms >= ${fromMs} AND decided_at_ms < ${toMs}${of}`;
}

function firstBy(time: string): string {
  return `row_number() OVER (PARTITION BY tenant, transaction_id ORDER BY ${time}, kafka_partition, kafka_offset) = 1`;
}

function versionsOf(row: Row): ArchivedVersions {
  return {
    policyVersion: String(row.policy_version ?? ""),
    modelName: String(row.model_name ?? ""),
    modelVersion: String(row.model_version ?? ""),
    specVersion: Number(row.feature_spec_version),
    rows: Number(row.rows),
  };
}

function byFrequency(one: ArchivedVersions, other: ArchivedVersions): number {
  const versionOf = ({ policyVersion, modelVersion }: ArchivedVersions) => `${policyVersion} ${modelVersion}`;
  return other.rows - one.rows || (versionOf(one) < versionOf(other) ? -1 : 1);
}

/** After a join without a match, every column is null. */
function hasId(features: unknown): features is Row {
  return (
    typeof features === "object" && features !== null && typeof Reflect.get(features, "transaction_id") === "string"
  );
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
