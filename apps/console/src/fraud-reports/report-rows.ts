import {
  REPORT_KIND_NAMES,
  REPORT_STAGE_NAMES,
  REPORT_VERDICT_NAMES,
} from "@tripline/contracts/fraud-reports/report-policy";
import { z } from "zod";
import type { FraudReportRow, MatchedBy, ReportFinding, ReportKind, ReportVersion } from "../contract/fraud-reports.js";

const MATCHED_BY = [
  "acquirer_reference",
  "authorisation_code",
  "amount",
  "earlier_version",
  "user",
] as const satisfies readonly MatchedBy[];

/** The columns that `console.fraud_reports` and `console.unmatched_reports` have in common. */
export const versionRow = z.object({
  report_id: z.string(),
  client_report_id: z.string(),
  version: z.number(),
  kind: z.number(),
  stage: z.number(),
  withdrawn: z.boolean(),
  card_token: z.string(),
  amount_minor: z.coerce.number().nullable(),
  currency: z.string(),
  occurred_at_ms: z.coerce.number(),
  reported_at_ms: z.coerce.number(),
});

/** A row of `console.fraud_reports`, and whether a later version is about another payment or contradicts this one. */
export const reportRow = versionRow.extend({
  transaction_id: z.string(),
  tenant: z.string(),
  client_transaction_id: z.string(),
  terminal_id: z.string(),
  verdict: z.number(),
  policy_version: z.string(),
  reason_code: z.string(),
  is_conflicting: z.boolean(),
  /** Empty if the report named its payment, or for a method added in a newer release. */
  matched_by: z.enum(["", ...MATCHED_BY]).catch(""),
  /** Computed: when a higher version was reported that is about another payment or contradicts this one. */
  moved_at_ms: z.coerce.number().nullable(),
});
export type KnownReport = z.infer<typeof reportRow>;

export const REPORT_COLUMNS = Object.keys(reportRow.shape)
  .map((name) => `r.${name}`)
  .join(", ");

/** @returns undefined for a kind added in a newer release */
export function kindOf(kind: number): ReportKind | undefined {
  return REPORT_KIND_NAMES.get(kind);
}

/** @returns undefined for a kind or stage added in a newer release */
export function toVersion(row: z.infer<typeof versionRow>): ReportVersion | undefined {
  const [kind, stage] = [kindOf(row.kind), REPORT_STAGE_NAMES.get(row.stage)];
  if (kind === undefined || stage === undefined) return undefined;
  return {
    id: row.report_id,
    reportId: row.client_report_id,
    version: row.version,
    kind,
    stage,
    isWithdrawn: row.withdrawn,
    amountMinor: row.amount_minor,
    currency: row.currency,
  };
}

/** @returns undefined for a kind or stage added in a newer release */
export function toReportRow(row: KnownReport, finding: ReportFinding | undefined): FraudReportRow | undefined {
  const version = toVersion(row);
  return (
    version && {
      ...version,
      reasonCode: row.reason_code,
      verdict: REPORT_VERDICT_NAMES.get(row.verdict) ?? "nothing",
      policyVersion: row.policy_version,
      finding: finding ?? null,
      matchedBy: row.matched_by === "" ? null : row.matched_by,
    }
  );
}
