import type { ReportFinding } from "../contract/fraud-reports.js";
import type { JudgedPayment } from "../updates/judge-updates.js";
import type { KnownReport } from "./report-rows.js";

/**
 * Compares a payment's reports with the payment and with their own earlier versions. Mismatches are shown in the
 * console but never rejected, because the reports come from other systems.
 *
 * @param reports all reports of the payment, in any order
 * @returns findings by report id
 */
export function judgeReports(payment: JudgedPayment, reports: readonly KnownReport[]): Map<string, ReportFinding> {
  const findings = new Map<string, ReportFinding>();
  const stages = new Map<string, number>();
  for (const report of reports.toSorted((left, right) => left.version - right.version)) {
    const { report_id, client_report_id, card_token, amount_minor, currency, stage } = report;
    const stageBefore = stages.get(client_report_id) ?? 0;
    if (card_token !== payment.card_token) findings.set(report_id, "other-card");
    else if (report.moved_at_ms !== null) findings.set(report_id, "other-payment");
    else if (report.is_conflicting) findings.set(report_id, "conflicting-version");
    else if (stage < stageBefore) findings.set(report_id, "backwards");
    else if (amount_minor !== null && currency !== payment.currency) findings.set(report_id, "other-currency");
    else if (amount_minor !== null && amount_minor > payment.amount_minor) findings.set(report_id, "over-amount");
    stages.set(client_report_id, Math.max(stage, stageBefore));
  }
  return findings;
}
