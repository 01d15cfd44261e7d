import type { UnmatchedReport } from "#contract/fraud-reports";
import { text as cases } from "../texts/en/cases.js";
import { text } from "../texts/en/reports.js";

/** The kind, the stage of a chargeback, and whether this version withdraws the report. */
export function kindOf({ kind, stage, isWithdrawn }: UnmatchedReport): string {
  const parts: string[] = [cases.case.reports[kind]];
  if (kind === "chargeback") parts.push(cases.case.reportStages[stage]);
  if (isWithdrawn) parts.push(text.unmatched.withdrawn);
  return parts.join(" ");
}
