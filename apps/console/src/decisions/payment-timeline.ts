import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { TimelineEntry } from "../contract/cases.js";
import { reportsOf } from "../fraud-reports/add-reports.js";
import { judgeReports } from "../fraud-reports/judge-reports.js";
import type { KnownReport } from "../fraud-reports/report-rows.js";
import { toReportRow } from "../fraud-reports/report-rows.js";
import type { ShowToken } from "../requests/mask-token.js";
import { updatesOf } from "../updates/add-updates.js";
import { judgeUpdates } from "../updates/judge-updates.js";
import type { KnownUpdate } from "../updates/update-rows.js";
import { toUpdateRow } from "../updates/update-rows.js";
import type { KnownDecision } from "./decision-rows.js";
import { toDecisionRow } from "./decision-rows.js";

/** Updates and fraud reports that arrived after the payments were decided. */
interface LaterEvents {
  readonly updates: readonly KnownUpdate[];
  readonly reports: readonly KnownReport[];
}

export async function laterEventsOf(queries: Queries, transactionIds: readonly string[]): Promise<LaterEvents> {
  const [updates, reports] = await Promise.all([
    updatesOf(queries, transactionIds),
    reportsOf(queries, transactionIds),
  ]);
  return { updates, reports };
}

/**
 * Payments with their labels, updates and fraud reports, newest first. Payments and updates are ordered by the time
 * they happened, labels and reports by the time they were reported.
 *
 * @param caseId the case whose payments are marked; undefined to mark none
 */
export function timelineOf(
  payments: readonly KnownDecision[],
  { updates, reports }: LaterEvents,
  caseId: string | undefined,
  show: ShowToken,
): TimelineEntry[] {
  const updatesOfPayment = Map.groupBy(updates, ({ transaction_id }) => transaction_id);
  const reportsOfPayment = Map.groupBy(reports, ({ transaction_id }) => transaction_id);
  const entries = payments.flatMap((row): TimelineEntry[] => {
    const decision = toDecisionRow(row, show);
    const of = { decision, isOfCase: row.case_id !== null && row.case_id === caseId };
    const { label } = decision;
    return [
      ...updateEntries(row, updatesOfPayment.get(row.transaction_id) ?? [], of),
      ...reportEntries(row, reportsOfPayment.get(row.transaction_id) ?? [], of),
      ...(label === null ? [] : [{ atMs: label.labelledAtMs, kind: "label", ...of } as const]),
      { atMs: row.occurred_at_ms, kind: "payment", ...of },
    ];
  });
  return entries.toSorted((left, right) => right.atMs - left.atMs);
}

function updateEntries(
  payment: KnownDecision,
  updates: readonly KnownUpdate[],
  of: Pick<TimelineEntry, "decision" | "isOfCase">,
): TimelineEntry[] {
  const findings = judgeUpdates(payment, updates);
  return updates.flatMap((row): TimelineEntry[] => {
    const update = toUpdateRow(row, findings.get(row.update_id));
    return update === undefined ? [] : [{ atMs: row.updated_at_ms, kind: "update", ...of, update }];
  });
}

function reportEntries(
  payment: KnownDecision,
  reports: readonly KnownReport[],
  of: Pick<TimelineEntry, "decision" | "isOfCase">,
): TimelineEntry[] {
  const findings = judgeReports(payment, reports);
  return reports.flatMap((row): TimelineEntry[] => {
    const report = toReportRow(row, findings.get(row.report_id));
    return report === undefined ? [] : [{ atMs: row.reported_at_ms, kind: "report", ...of, report }];
  });
}
