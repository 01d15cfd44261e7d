import type { TimelineEntry } from "../contract/cases.js";
import type { ShowToken } from "../requests/mask-token.js";
import { judgeUpdates } from "../updates/judge-updates.js";
import type { KnownUpdate } from "../updates/update-rows.js";
import { toUpdateRow } from "../updates/update-rows.js";
import type { KnownDecision } from "./decision-rows.js";
import { toDecisionRow } from "./decision-rows.js";

/**
 * Payments with their labels and updates, newest first. Payments and updates are ordered by their own time, labels by the
 * time they were reported.
 *
 * @param caseId the case whose payments are marked; undefined to mark none
 */
export function timelineOf(
  payments: readonly KnownDecision[],
  updates: readonly KnownUpdate[],
  caseId: string | undefined,
  show: ShowToken,
): TimelineEntry[] {
  const updatesOfPayment = Map.groupBy(updates, ({ transaction_id }) => transaction_id);
  const entries = payments.flatMap((row): TimelineEntry[] => {
    const decision = toDecisionRow(row, show);
    const of = { decision, isOfCase: row.case_id !== null && row.case_id === caseId };
    const { label } = decision;
    return [
      ...updateEntries(row, updatesOfPayment.get(row.transaction_id) ?? [], of),
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
