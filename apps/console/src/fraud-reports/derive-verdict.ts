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
 * - Of the reports that count, the newest one decides. A label from a client counts as a report.
 * - If no report counts any more, a payment that one of them made fraudulent is genuine. A report no longer counts once it
 *   is withdrawn, counts as nothing, or is about another payment.
 *
 * @param reports of the payment's card
 */
export function changedVerdict(
  reports: readonly KnownReport[],
  label: KnownLabel | undefined,
): ChangedVerdict | undefined {
  const applying = [...Map.groupBy(reports, ({ client_report_id }) => client_report_id).values()]
    // An earlier version may have counted.
    .filter((versions) => versions.some(isVerdict))
    .map((versions) => versions.toSorted((left, right) => right.version - left.version)[0])
    .filter((report) => report !== undefined)
    .toSorted(byTime);
  const standing = applying.findLast(counts);
  const report = standing ?? applying.at(-1);
  if (report === undefined) return undefined;
  const reportedAtMs = report.moved_at_ms ?? report.reported_at_ms;
  if (standing === undefined && (label === undefined || label.report_id === "")) return undefined;
  if (label !== undefined && label.report_id === "" && label.labelled_at_ms > reportedAtMs) return undefined;
  const fraud = standing?.verdict === FraudVerdict.FRAUD;
  if (label?.fraud === fraud) return undefined;
  // Readers of labels take the newest one of each payment.
  return { fraud, report, atMs: Math.max(reportedAtMs, (label?.labelled_at_ms ?? 0) + 1) };
}

function isVerdict({ verdict }: KnownReport): boolean {
  return verdict === FraudVerdict.FRAUD || verdict === FraudVerdict.GENUINE;
}

function counts(report: KnownReport): boolean {
  return isVerdict(report) && !report.withdrawn && report.moved_at_ms === null;
}

function byTime(left: KnownReport, right: KnownReport): number {
  return left.reported_at_ms - right.reported_at_ms || left.report_id.localeCompare(right.report_id);
}
