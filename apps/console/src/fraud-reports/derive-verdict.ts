import { FraudVerdict } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { KnownReport } from "./report-rows.js";

/** The current label of a payment. */
export interface KnownLabel {
  readonly fraud: boolean;
  readonly labelled_at_ms: number;
  /** Empty for a label that a client sent. */
  readonly report_id: string;
}

/** A verdict that differs from the current label. */
export interface ChangedVerdict {
  readonly fraud: boolean;
  /** The report that determines the verdict. */
  readonly report: KnownReport;
  readonly atMs: number;
}

/**
 * Derives a payment's verdict from its reports. Returns it only if it differs from the current label.
 *
 * - Only the highest version of each report applies.
 * - The newest report that counts determines the verdict. A client's label is treated as a report.
 * - If no report counts any more, a payment that was fraud because of a report becomes genuine. A report stops counting
 *   if a later version withdraws it, carries no verdict, or is about another payment or contradicts this one.
 *
 * @param reports reports that name the payment's card
 */
export function changedVerdict(
  reports: readonly KnownReport[],
  label: KnownLabel | undefined,
): ChangedVerdict | undefined {
  const applying = [...Map.groupBy(reports, ({ client_report_id }) => client_report_id).values()]
    // Keeps a report even if only an earlier version carried a verdict.
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
  // Newer than the current label, because consumers use only the newest label of each payment.
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
