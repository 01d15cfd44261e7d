import { FraudVerdict } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { KnownReport } from "./report-rows.js";

/** The label of a payment so far. */
export interface KnownLabel {
  readonly fraud: boolean;
  readonly labelled_at_ms: number;
  /** Empty for a label that a client sent. */
  readonly report_id: string;
}

/** A verdict that differs from the label so far. */
export interface ChangedVerdict {
  readonly fraud: boolean;
  /** The report that decides it. */
  readonly report: KnownReport;
  readonly atMs: number;
}

/**
 * The verdict of a payment by its reports, if it differs from its label so far.
 *
 * - Of each report, only the highest version applies.
 * - Of the reports that count and are not withdrawn, the newest one decides. A label from a client counts as a report.
 * - If all reports were withdrawn, a payment that one of them made fraudulent is genuine.
 *
 * @param reports of the payment's card
 */
export function changedVerdict(
  reports: readonly KnownReport[],
  label: KnownLabel | undefined,
): ChangedVerdict | undefined {
  const applying = [...Map.groupBy(reports, ({ client_report_id }) => client_report_id).values()]
    .map((versions) => versions.toSorted((left, right) => right.version - left.version)[0])
    .filter((report) => report !== undefined)
    .filter(({ verdict }) => verdict === FraudVerdict.FRAUD || verdict === FraudVerdict.GENUINE)
    .toSorted(byTime);
  const report = applying.findLast(({ withdrawn }) => !withdrawn) ?? applying.at(-1);
  if (report === undefined) return undefined;
  const { withdrawn, reported_at_ms: reportedAtMs } = report;
  if (withdrawn && (label === undefined || label.report_id === "")) return undefined;
  if (label !== undefined && label.report_id === "" && label.labelled_at_ms > reportedAtMs) return undefined;
  const fraud = !withdrawn && report.verdict === FraudVerdict.FRAUD;
  if (label?.fraud === fraud) return undefined;
  // Readers of labels take the newest one of each payment.
  return { fraud, report, atMs: Math.max(reportedAtMs, (label?.labelled_at_ms ?? 0) + 1) };
}

function byTime(left: KnownReport, right: KnownReport): number {
  return left.reported_at_ms - right.reported_at_ms || left.report_id.localeCompare(right.report_id);
}
