import { encodeMessage } from "@tripline/contracts/encode-message";
import type { FraudReport } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { derivedLabelId } from "@tripline/contracts/identifiers";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { ReportFinding } from "../contract/fraud-reports.js";
import { possibleSql } from "./choose-payment.js";
import type { ChangedVerdict, KnownLabel } from "./derive-verdict.js";
import { changedVerdict } from "./derive-verdict.js";
import { judgeReports } from "./judge-reports.js";
import type { KnownReport } from "./report-rows.js";
import { kindOf, REPORT_COLUMNS, reportRow } from "./report-rows.js";

/** A new report with the values of the metric's labels. */
export interface CountedReport {
  readonly kind: string;
  /** `unmatched`: its payment had not arrived yet. */
  readonly finding: ReportFinding | "none" | "unmatched";
}

export interface AddedReports {
  readonly counted: readonly CountedReport[];
  /** Payments that got their first label. */
  readonly labelled: readonly string[];
}

/** Limits the work that a client can cause. */
const REPORTS_OF_PAYMENT_MAX = 100;

export const NONE: AddedReports = { counted: [], labelled: [] };

const ofPaymentRow = z.object({
  transaction_id: z.string(),
  card_token: z.string().nullable(),
  terminal_id: z.string().nullable(),
  occurred_at_ms: z.coerce.number().nullable(),
  amount_minor: z.coerce.number().nullable(),
  currency: z.string().nullable(),
  fraud: z.boolean().nullable(),
  labelled_at_ms: z.coerce.number().nullable(),
  label_report_id: z.string().nullable(),
  counted_card_token: z.string().nullable(),
  counted_terminal_id: z.string().nullable(),
  counted_occurred_at_ms: z.coerce.number().nullable(),
});
type OfPayment = z.infer<typeof ofPaymentRow>;
const countedRow = z.object({ report_id: z.string(), transaction_id: z.string() });

/**
 * Only one instance at a time adds or matches reports, because a report's versions may name payments in different
 * partitions.
 */
export async function lockReports(queries: Queries): Promise<void> {
  await queries.execute("SELECT pg_advisory_xact_lock(hashtext('console.fraud_reports'))", []);
}

/** Sorts reports, so that every transaction inserts them in the same order, as for payment updates. */
export function inOrder(read: readonly FraudReport[]) {
  const reports = read.toSorted((left, right) =>
    left.reportId === right.reportId ? 0 : left.reportId < right.reportId ? -1 : 1,
  );
  const column = <K extends keyof FraudReport>(name: K) => reports.map((report) => report[name] ?? null);
  return { reports, column };
}

/**
 * Stores reports, and queues a label for each payment whose verdict they change.
 *
 * @param isArchived true for reports from the lake, which also contains their labels, so that none is queued
 */
export async function addReports(
  queries: Queries,
  read: readonly FraudReport[],
  nowMs: number,
  isArchived: boolean,
): Promise<AddedReports> {
  if (read.length === 0) return NONE;
  const { reports, column } = inOrder(read);
  await lockReports(queries);
  const values = [
    ...[column("reportId"), column("clientReportId"), column("version"), column("transactionId"), column("tenant")],
    ...[column("clientTransactionId"), column("cardToken"), column("terminalId"), column("occurredAtMs")],
    ...[column("kind"), column("stage"), column("verdict"), column("policyVersion"), column("withdrawn")],
    ...[column("reasonCode"), column("amountMinor"), column("currency"), column("reportedAtMs")],
    ...[column("file"), column("matchedBy")],
  ];
  const stored = await queries.query(
    countedRow,
    `INSERT INTO console.fraud_reports (${READ_COLUMNS}, read_at_ms, is_counted)
     SELECT ${READ_COLUMNS}, $21::bigint, $22::bool
     FROM ${READ_ROWS} WITH ORDINALITY AS new (${READ_COLUMNS}, number) ORDER BY number
     ON CONFLICT (report_id) DO NOTHING RETURNING report_id, transaction_id`,
    [...values, nowMs, !isArchived],
  );
  await takeFromUnmatched(queries, reports, isArchived);
  const isAllNew = stored.length === reports.length;
  const conflicting = isAllNew ? [] : await markConflicting(queries, values);
  if (isArchived) return NONE;
  const ids = reports.map(({ reportId }) => reportId);
  const uncounted = isAllNew ? stored : [...stored, ...(await countStored(queries, ids))];
  const added = await countReports(queries, uncounted, nowMs);
  return { ...added, counted: [...conflicting, ...added.counted] };
}

/** The console may have read these reports without their payment. Their other versions are matched next. */
async function takeFromUnmatched(
  queries: Queries,
  reports: readonly FraudReport[],
  isArchived: boolean,
): Promise<void> {
  await queries.execute(
    `WITH taken AS (
       DELETE FROM console.unmatched_reports WHERE report_id = ANY($1::text[]) RETURNING report_id, is_conflicting
     )
     UPDATE console.fraud_reports known SET is_conflicting = true FROM taken
     WHERE taken.is_conflicting AND known.report_id = taken.report_id`,
    [reports.map(({ reportId }) => reportId)],
  );
  if (isArchived) return;
  await queries.execute(
    `UPDATE console.unmatched_reports other SET checked_at_ms = 0, state = replace(state, 'expired', 'waiting')
     FROM unnest($1::text[], $2::text[]) AS known (tenant, client_report_id)
     WHERE other.tenant = known.tenant AND other.client_report_id = known.client_report_id`,
    [reports.map(({ tenant }) => tenant), reports.map(({ clientReportId }) => clientReportId)],
  );
}

const READ_COLUMNS = `report_id, client_report_id, version, transaction_id, tenant, client_transaction_id, card_token,
  terminal_id, occurred_at_ms, kind, stage, verdict, policy_version, withdrawn, reason_code, amount_minor, currency,
  reported_at_ms, file, matched_by`;
const READ_ROWS = `unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[],
  $8::text[], $9::bigint[], $10::smallint[], $11::smallint[], $12::smallint[], $13::text[], $14::bool[], $15::text[],
  $16::bigint[], $17::text[], $18::bigint[], $19::text[], $20::text[])`;
/** Fields that only the client sets. The verdict depends on the tenant's policy; the time may be that of arrival. */
const CONTENT = ["transaction_id", "card_token", "terminal_id", "occurred_at_ms", "kind", "stage", "withdrawn"].concat([
  "reason_code",
  "amount_minor",
  "currency",
]);

/** Marks versions that arrived again with different content, which Ingestion detects only for a day. */
async function markConflicting(queries: Queries, values: readonly unknown[][]): Promise<CountedReport[]> {
  const contentOf = (row: string): string => CONTENT.map((name) => `${row}.${name}`).join(", ");
  const marked = await queries.query(
    z.object({ kind: z.number() }),
    `UPDATE console.fraud_reports known SET is_conflicting = true FROM ${READ_ROWS} AS again (${READ_COLUMNS})
     WHERE known.report_id = again.report_id AND NOT known.is_conflicting
       AND (${contentOf("known")}) IS DISTINCT FROM (${contentOf("again")})
     RETURNING known.kind`,
    [...values],
  );
  return marked.map(({ kind }) => ({ kind: kindOf(kind) ?? "unknown", finding: "conflicting-version" }));
}

/** Marks reports that only a rebuild has read so far. */
function countStored(queries: Queries, ids: readonly string[]): Promise<z.infer<typeof countedRow>[]> {
  return queries.query(
    countedRow,
    `UPDATE console.fraud_reports SET is_counted = true WHERE report_id = ANY($1::text[]) AND NOT is_counted
     RETURNING report_id, transaction_id`,
    [ids],
  );
}

/** @param uncounted reports that no verdict takes into account yet */
async function countReports(
  queries: Queries,
  uncounted: readonly z.infer<typeof countedRow>[],
  nowMs: number,
): Promise<AddedReports> {
  if (uncounted.length === 0) return NONE;
  const ids = uncounted.map(({ report_id }) => report_id);
  const causes = await causesOf(queries, ids, "fraud_reports");
  for (const { transaction_id, report_id } of uncounted) causes.set(transaction_id, report_id);
  return changeVerdicts(queries, causes, new Set(ids), nowMs);
}

/**
 * Queues labels for payments whose reports have a new version without a payment. If it contradicts the payment, the
 * earlier versions no longer count, even if the new version never finds its own payment.
 *
 * @param unmatched IDs of the new versions
 */
export async function recountEarlierVersions(
  queries: Queries,
  unmatched: readonly string[],
  nowMs: number,
): Promise<AddedReports> {
  const causes = await causesOf(queries, unmatched, "unmatched_reports");
  return causes.size === 0 ? NONE : changeVerdicts(queries, causes, new Set(), nowMs);
}

/**
 * @param causes the payments, each with the new version that may change its verdict
 * @param ids new reports, which are counted
 */
async function changeVerdicts(
  queries: Queries,
  causes: ReadonlyMap<string, string>,
  ids: ReadonlySet<string>,
  nowMs: number,
): Promise<AddedReports> {
  const payments = [...causes.keys()].toSorted();
  const reports = await reportsOf(queries, payments);
  const known = await queries.query(
    ofPaymentRow,
    `SELECT wanted.id AS transaction_id, p.card_token, p.terminal_id, p.occurred_at_ms, p.amount_minor, p.currency,
       l.fraud, l.labelled_at_ms, l.report_id AS label_report_id, l.counted_card_token, l.counted_terminal_id,
       l.counted_occurred_at_ms
     FROM unnest($1::text[]) AS wanted (id) LEFT JOIN console.payments p ON p.transaction_id = wanted.id
     LEFT JOIN console.labels l ON l.transaction_id = wanted.id`,
    [payments],
  );
  const counted: CountedReport[] = [];
  const changes: QueuedLabel[] = [];
  const reportsOfPayment = Map.groupBy(reports, ({ transaction_id }) => transaction_id);
  for (const payment of known) {
    const own = reportsOfPayment.get(payment.transaction_id) ?? [];
    const added = own.filter(({ report_id }) => ids.has(report_id));
    const findings = findingsOf(payment, own);
    counted.push(
      ...added.map(({ report_id, kind }): CountedReport => {
        const finding = findings === undefined ? "unmatched" : (findings.get(report_id) ?? "none");
        return { kind: kindOf(kind) ?? "unknown", finding };
      }),
    );
    const label = labelOf(payment);
    const changed = changedVerdict(
      own.filter(({ report_id }) => findings?.get(report_id) !== "other-card"),
      label,
    );
    const cause = causes.get(payment.transaction_id);
    if (changed !== undefined && cause !== undefined) changes.push({ payment, changed, cause, label });
  }
  await queueLabels(queries, changes, nowMs);
  const labelled = changes.flatMap(({ label, payment }) => (label === undefined ? [payment.transaction_id] : []));
  return { counted, labelled };
}

/** Payments that the newest versions of the reports name, each with the new version that may change its verdict. */
async function causesOf(
  queries: Queries,
  ids: readonly string[],
  table: "fraud_reports" | "unmatched_reports",
): Promise<Map<string, string>> {
  const rows = await queries.query(
    z.object({ transaction_id: z.string(), report_id: z.string() }),
    `SELECT other.transaction_id, r.report_id FROM console.${table} r, LATERAL (
       SELECT v.transaction_id FROM console.fraud_reports v
       WHERE v.tenant = r.tenant AND v.client_report_id = r.client_report_id
       ORDER BY v.version DESC LIMIT ${REPORTS_OF_PAYMENT_MAX}
     ) other WHERE r.report_id = ANY($1::text[])`,
    [ids],
  );
  return new Map(rows.map(({ transaction_id, report_id }) => [transaction_id, report_id]));
}

function findingsOf(payment: OfPayment, reports: readonly KnownReport[]): Map<string, ReportFinding> | undefined {
  const { card_token, amount_minor, currency } = payment;
  if (card_token === null || amount_minor === null || currency === null) return undefined;
  return judgeReports({ card_token, amount_minor, currency }, reports);
}

function labelOf({ fraud, labelled_at_ms, label_report_id }: OfPayment): KnownLabel | undefined {
  if (fraud === null || labelled_at_ms === null || label_report_id === null) return undefined;
  return { fraud, labelled_at_ms, report_id: label_report_id };
}

interface QueuedLabel {
  readonly payment: OfPayment;
  readonly changed: ChangedVerdict;
  /** The ID of the new report that changed the verdict. */
  readonly cause: string;
  readonly label: KnownLabel | undefined;
}

/** Also stores the labels in the projection immediately, so that the payment's next report is compared with them. */
async function queueLabels(queries: Queries, queued: readonly QueuedLabel[], nowMs: number): Promise<void> {
  if (queued.length === 0) return;
  const labels = queued.map(messageOf);
  await queries.execute(
    `INSERT INTO console.labels (transaction_id, tenant, fraud, source, labelled_at_ms, report_id,
       counted_card_token, counted_terminal_id, counted_occurred_at_ms, read_at_ms)
     SELECT *, $10::bigint FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::bigint[], $6::text[],
       $7::text[], $8::text[], $9::bigint[])
     ON CONFLICT (transaction_id) DO UPDATE SET fraud = excluded.fraud, source = excluded.source,
       labelled_at_ms = excluded.labelled_at_ms, report_id = excluded.report_id,
       counted_card_token = excluded.counted_card_token, counted_terminal_id = excluded.counted_terminal_id,
       counted_occurred_at_ms = excluded.counted_occurred_at_ms, read_at_ms = excluded.read_at_ms`,
    [
      queued.map(({ payment }) => payment.transaction_id),
      labels.map(({ tenant }) => tenant),
      labels.map(({ fraud }) => fraud),
      labels.map(({ source }) => source),
      labels.map(({ labelledAtMs }) => labelledAtMs),
      labels.map(({ reportId }) => reportId),
      labels.map(({ cardToken }) => cardToken),
      labels.map(({ terminalId }) => terminalId),
      labels.map(({ occurredAtMs }) => occurredAtMs),
      nowMs,
    ],
  );
  const records = labels.map((label) => ({ ...label, record: Buffer.from(encodeMessage(Label, label)) }));
  await queueRecords(queries, "report_labels", records, nowMs);
}

/** Queues records for `ReportLabelPublisher`. */
export async function queueRecords(
  queries: Queries,
  outbox: "report_labels" | "matched_reports",
  records: readonly { readonly tenant: string; readonly cardToken: string; readonly record: Buffer }[],
  nowMs: number,
): Promise<void> {
  await queries.execute(
    `INSERT INTO console.${outbox} (tenant, card_token, record, queued_at_ms)
     SELECT tenant, card, record, $4::bigint FROM unnest($1::text[], $2::text[], $3::bytea[])
       WITH ORDINALITY AS queued (tenant, card, record, number) ORDER BY number`,
    [
      records.map(({ tenant }) => tenant),
      records.map(({ cardToken }) => cardToken),
      records.map(({ record }) => record),
      nowMs,
    ],
  );
}

function messageOf({ payment, changed: { fraud, report, atMs }, cause, label }: QueuedLabel): Label {
  const { tenant, client_transaction_id: clientTransactionId } = report;
  // A report may have only the payment's day.
  const occurredAtMs = payment.counted_occurred_at_ms ?? payment.occurred_at_ms ?? report.occurred_at_ms;
  return {
    // Differs from the IDs of clients' labels, because the feature service ignores a second label with the same ID.
    labelId: derivedLabelId(tenant, clientTransactionId, cause),
    tenant,
    clientTransactionId,
    // A label must be reversed in the states that counted it. The `counted_*` values are null if a client sent it.
    cardToken: payment.counted_card_token ?? report.card_token,
    terminalId: payment.counted_terminal_id ?? payment.terminal_id ?? report.terminal_id,
    occurredAtMs,
    labelledAtMs: Math.max(atMs, occurredAtMs),
    fraud,
    source: kindOf(report.kind) ?? "",
    reportId: report.report_id,
    policyVersion: report.policy_version,
    // Not set for a client's label: a window that did not count it would subtract another payment's label.
    replacedAtMs: label === undefined || label.report_id === "" ? undefined : label.labelled_at_ms,
  };
}

/** The newest reports of each payment, oldest first. If the limit is exceeded, highest versions are kept first. */
export function reportsOf(queries: Queries, transactionIds: readonly string[]): Promise<KnownReport[]> {
  const later = (table: string): string =>
    `FROM console.${table} v WHERE v.tenant = k.tenant AND v.client_report_id = k.client_report_id AND v.version > k.version`;
  const [known, unmatched] = [later("fraud_reports"), later("unmatched_reports")];
  return queries.query(
    reportRow,
    `SELECT ${REPORT_COLUMNS} FROM unnest($1::text[]) AS wanted (id), LATERAL (
       SELECT k.*, greatest((SELECT max(v.reported_at_ms) ${known} AND v.transaction_id <> k.transaction_id),
         (SELECT max(v.reported_at_ms) ${unmatched} AND NOT (${possibleSql("v", "paid")}))) AS moved_at_ms
       FROM console.fraud_reports k LEFT JOIN console.payments p ON p.transaction_id = k.transaction_id, LATERAL (
         SELECT k.card_token, coalesce(p.acquirer_reference, '') AS acquirer_reference,
           coalesce(p.authorisation_code, '') AS authorisation_code
       ) paid WHERE k.transaction_id = wanted.id
       ORDER BY EXISTS (SELECT ${known} AND v.transaction_id = k.transaction_id), k.reported_at_ms DESC, k.report_id DESC
       LIMIT ${REPORTS_OF_PAYMENT_MAX}
     ) r ORDER BY r.reported_at_ms, r.report_id`,
    [transactionIds],
  );
}
