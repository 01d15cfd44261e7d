import { encodeMessage } from "@tripline/contracts/encode-message";
import { FraudReport } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { MatchedBy } from "../contract/fraud-reports.js";
import type { AddedReports, CountedReport } from "./add-reports.js";
import { addReports, inOrder, lockReports, NONE, queueRecords, recountEarlierVersions } from "./add-reports.js";
import { choosePayment, isPossible } from "./choose-payment.js";
import type { CandidateRow } from "./find-candidates.js";
import { candidatesOf, LATER } from "./find-candidates.js";
import { kindOf } from "./report-rows.js";

/** Finds payments for reports that do not name one: docs/adr/0068-reports-without-a-payment.md. */

const DAY_MS = 86_400_000;
/** Another payment of the card with the same amount may reach Kafka this long after the report. */
const AMOUNT_WAIT_MS = 5 * 60_000;
/** A report that has been waiting for ten hours is checked again after one hour. */
const WAITS_PER_CHECK = 10;
const RECHECK_MS_MAX = 3_600_000;
/** How long the matcher skips reports that were read from the lake, because the lake may contain their matches. */
const REBUILD_MS_MAX = DAY_MS;

/** What a matched report takes from its payment. */
type FoundPayment = Pick<
  CandidateRow,
  "transaction_id" | "client_transaction_id" | "card_token" | "terminal_id" | "occurred_at_ms"
>;

const searchedRow = z.object({
  report_id: z.string(),
  tenant: z.string(),
  client_report_id: z.string(),
  card_token: z.string(),
  acquirer_reference: z.string(),
  authorisation_code: z.string(),
  amount_minor: z.coerce.number().nullable(),
  currency: z.string(),
  record: z.instanceof(Buffer),
  version: z.number(),
  read_at_ms: z.coerce.number(),
  is_withdrawn_later: z.boolean(),
});
type SearchedRow = z.infer<typeof searchedRow>;

const knownVersionRow = z.object({
  report_id: z.string(),
  version: z.number(),
  transaction_id: z.string(),
  client_transaction_id: z.string(),
  card_token: z.string(),
  terminal_id: z.string(),
  occurred_at_ms: z.coerce.number(),
  acquirer_reference: z.string(),
  authorisation_code: z.string(),
});
type KnownVersion = z.infer<typeof knownVersionRow>;

/**
 * Stores reports without a payment, for `ReportMatcher`. The first copy of a version is kept; copies with different
 * content are marked, as in `addReports`.
 *
 * @param isArchived true for reports from the lake, where matches are separate records that may precede the reports
 * @returns in `counted`, the versions that arrived again with different content
 */
export async function addUnmatched(
  queries: Queries,
  read: readonly FraudReport[],
  nowMs: number,
  isArchived: boolean,
): Promise<AddedReports> {
  if (read.length === 0) return NONE;
  const { reports, column } = inOrder(read);
  const values = [
    ...[column("reportId"), column("tenant"), column("clientReportId"), column("version"), column("cardToken")],
    ...[column("acquirerReference"), column("authorisationCode"), column("amountMinor"), column("currency")],
    ...[column("occurredAtMs"), column("reportedAtMs"), column("kind"), column("stage"), column("file")],
    ...[column("withdrawn"), column("reasonCode"), reports.map((one) => Buffer.from(encodeMessage(FraudReport, one)))],
  ];
  await lockReports(queries);
  const stored = await queries.execute(
    `INSERT INTO console.unmatched_reports (${READ_COLUMNS}, checked_at_ms, read_at_ms)
     SELECT ${READ_COLUMNS}, $18::bigint, $19::bigint
     FROM ${READ_ROWS} WITH ORDINALITY AS new (${READ_COLUMNS}, number)
     WHERE NOT EXISTS (SELECT FROM console.fraud_reports known WHERE known.report_id = new.report_id)
     ORDER BY number
     ON CONFLICT (report_id) DO NOTHING`,
    [...values, isArchived ? nowMs + REBUILD_MS_MAX : 0, nowMs],
  );
  const conflicting = stored === reports.length ? [] : await markConflicting(queries, values);
  // The lake also contains the labels that these versions changed, so none is queued.
  if (isArchived) return { counted: conflicting, labelled: [] };
  const ids = reports.map(({ reportId }) => reportId);
  const { labelled } = await recountEarlierVersions(queries, ids, nowMs);
  return { counted: conflicting, labelled };
}

const READ_COLUMNS = `report_id, tenant, client_report_id, version, card_token, acquirer_reference, authorisation_code,
  amount_minor, currency, occurred_at_ms, reported_at_ms, kind, stage, file, withdrawn, reason_code, record`;
const READ_ROWS = `unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[],
  $8::bigint[], $9::text[], $10::bigint[], $11::bigint[], $12::smallint[], $13::smallint[], $14::text[], $15::bool[],
  $16::text[], $17::bytea[])`;
/** Fields that only the client sets and a match does not change. */
const CONTENT = ["kind", "stage", "withdrawn", "reason_code", "amount_minor", "currency"];
/** Fields that are replaced or not stored when the report is matched. */
const SEARCHED = ["card_token", "acquirer_reference", "authorisation_code", "occurred_at_ms"];

async function markConflicting(queries: Queries, values: readonly unknown[][]): Promise<CountedReport[]> {
  const mark = (table: string, columns: readonly string[]): Promise<{ kind: number }[]> => {
    const contentOf = (row: string): string => columns.map((name) => `${row}.${name}`).join(", ");
    return queries.query(
      z.object({ kind: z.number() }),
      `UPDATE console.${table} known SET is_conflicting = true FROM ${READ_ROWS} AS again (${READ_COLUMNS})
       WHERE known.report_id = again.report_id AND NOT known.is_conflicting
         AND (${contentOf("known")}) IS DISTINCT FROM (${contentOf("again")})
       RETURNING known.kind`,
      [...values],
    );
  };
  const marked = [
    ...(await mark("unmatched_reports", [...CONTENT, ...SEARCHED])),
    ...(await mark("fraud_reports", CONTENT)),
  ];
  return marked.map(({ kind }) => ({ kind: kindOf(kind) ?? "unknown", finding: "conflicting-version" }));
}

/**
 * Matches reports that are waiting for their payment or for a user. The caller holds the lock.
 *
 * @param readUntilMs payments that were on the topic at this time are in the database
 */
export async function matchReports(
  queries: Queries,
  reportIds: readonly string[],
  nowMs: number,
  readUntilMs: number,
): Promise<AddedReports> {
  if (reportIds.length === 0) return NONE;
  const searched = await queries.query(
    searchedRow,
    `SELECT report_id, tenant, client_report_id, version, card_token, acquirer_reference, authorisation_code, amount_minor, currency, record,
       read_at_ms, EXISTS (SELECT FROM ${LATER} AND later.withdrawn) AS is_withdrawn_later
     FROM console.unmatched_reports r WHERE report_id = ANY($1::text[]) ORDER BY version DESC, report_id`,
    [reportIds],
  );
  const known = await otherVersions(queries, reportIds);
  const candidates = Map.groupBy(await candidatesOf(queries, reportIds), ({ report_id }) => report_id);
  const ambiguous: string[] = [];
  const found: MatchedReport[] = [];
  // Newer versions come first, so that older ones in the same batch get their payment.
  const newer = new Map<string, FoundPayment>();
  for (const report of searched) {
    const name = `${report.tenant}/${report.client_report_id}`;
    const payment = newer.get(name);
    if (payment !== undefined) {
      found.push({ report, payment, by: "earlier_version" });
      continue;
    }
    const other = known.get(report.report_id);
    // An older version gets the payment of a newer one. A newer version gets the payment of an older one only if it
    // does not contradict it, because it may correct the card or the reference.
    if (other !== undefined && (other.version > report.version || isPossible(report, other))) {
      found.push({ report, payment: other, by: "earlier_version" });
      newer.set(name, other);
      continue;
    }
    const choice = choosePayment(report, candidates.get(report.report_id) ?? []);
    if (choice.state === "ambiguous") ambiguous.push(report.report_id);
    // A withdrawal is matched before the earlier versions of the report, so that they do not become labels.
    if (choice.state !== "matched" || report.is_withdrawn_later) continue;
    if (choice.by === "amount" && report.read_at_ms > readUntilMs - AMOUNT_WAIT_MS) continue;
    found.push({ report, payment: choice.payment, by: choice.by });
    newer.set(name, choice.payment);
  }
  const matched = new Set(found.map(({ report }) => report.report_id));
  await queries.execute(
    // The longer a report has been waiting, the later it is checked again. `greatest`, because clocks differ.
    `UPDATE console.unmatched_reports
     SET checked_at_ms = $2 + greatest(0, least(($2 - read_at_ms) / ${WAITS_PER_CHECK}, ${RECHECK_MS_MAX})),
       state = CASE WHEN report_id = ANY($3::text[]) THEN 'ambiguous' ELSE 'waiting' END
     WHERE report_id = ANY($1::text[])`,
    [reportIds.filter((id) => !matched.has(id)), nowMs, ambiguous],
  );
  return addMatched(queries, found, nowMs);
}

export interface MatchedReport {
  readonly report: Pick<SearchedRow, "report_id" | "record">;
  readonly payment: FoundPayment;
  readonly by: MatchedBy;
}

/** Adds the reports to their payments, and queues them for the topic, from which the archive reads them. */
export async function addMatched(
  queries: Queries,
  found: readonly MatchedReport[],
  nowMs: number,
): Promise<AddedReports> {
  if (found.length === 0) return NONE;
  const reports = found.map(({ report, payment, by }): FraudReport => {
    const sent = FraudReport.decode(report.record);
    return {
      ...sent,
      transactionId: payment.transaction_id,
      clientTransactionId: payment.client_transaction_id,
      cardToken: payment.card_token,
      terminalId: payment.terminal_id,
      // Labels need the exact time of the payment; files often contain only its day.
      occurredAtMs: payment.occurred_at_ms,
      // A report with only a date would seem earlier than a payment of the same day.
      reportedAtMs: Math.max(sent.reportedAtMs, payment.occurred_at_ms),
      matchedBy: by,
    };
  });
  const added = await addReports(queries, reports, nowMs, false);
  const records = reports.map((report) => ({ ...report, record: Buffer.from(encodeMessage(FraudReport, report)) }));
  await queueRecords(queries, "matched_reports", records, nowMs);
  return added;
}

/** The payment of the highest version of the same report that is matched or names its payment. */
async function otherVersions(queries: Queries, reportIds: readonly string[]): Promise<Map<string, KnownVersion>> {
  const rows = await queries.query(
    knownVersionRow,
    // The lateral subquery reads only the versions of each report. A plain join might read all reports.
    `SELECT r.report_id, v.version, v.transaction_id, v.client_transaction_id, v.card_token, v.terminal_id,
       v.occurred_at_ms, coalesce(p.acquirer_reference, '') AS acquirer_reference,
       coalesce(p.authorisation_code, '') AS authorisation_code
     FROM console.unmatched_reports r, LATERAL (
       SELECT * FROM console.fraud_reports v WHERE v.tenant = r.tenant AND v.client_report_id = r.client_report_id
       ORDER BY v.version DESC LIMIT 1
     ) v LEFT JOIN console.payments p ON p.transaction_id = v.transaction_id
     WHERE r.report_id = ANY($1::text[])`,
    [reportIds],
  );
  return new Map(rows.map((row) => [row.report_id, row]));
}
