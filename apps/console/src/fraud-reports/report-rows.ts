import {
  REPORT_KIND_NUMBERS,
  REPORT_STAGE_NUMBERS,
  REPORT_VERDICT_NUMBERS,
} from "@tripline/contracts/fraud-reports/report-policy";
import { z } from "zod";
import type {
  FraudReportRow,
  ReportFinding,
  ReportKind,
  ReportStage,
  ReportVerdict,
} from "../contract/fraud-reports.js";

/** A row of `console.fraud_reports`, and whether a later version is about another payment. */
export const reportRow = z.object({
  report_id: z.string(),
  client_report_id: z.string(),
  version: z.number(),
  transaction_id: z.string(),
  tenant: z.string(),
  client_transaction_id: z.string(),
  card_token: z.string(),
  terminal_id: z.string(),
  occurred_at_ms: z.coerce.number(),
  kind: z.number(),
  stage: z.number(),
  verdict: z.number(),
  policy_version: z.string(),
  withdrawn: z.boolean(),
  reason_code: z.string(),
  amount_minor: z.coerce.number().nullable(),
  currency: z.string(),
  reported_at_ms: z.coerce.number(),
  is_conflicting: z.boolean(),
  /** When a higher version about another payment was reported; computed, not a column. */
  moved_at_ms: z.coerce.number().nullable(),
});
export type KnownReport = z.infer<typeof reportRow>;

export const REPORT_COLUMNS = Object.keys(reportRow.shape)
  .map((name) => `r.${name}`)
  .join(", ");

const KINDS = byNumber<ReportKind>(REPORT_KIND_NUMBERS);
const STAGES = byNumber<ReportStage>(REPORT_STAGE_NUMBERS);
const VERDICTS = byNumber<ReportVerdict>(REPORT_VERDICT_NUMBERS);

function byNumber<Name extends string>(numbers: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> {
  return new Map((Object.keys(numbers) as Name[]).map((name) => [numbers[name], name]));
}

/** @returns undefined for a kind added in a newer release */
export function kindOf(kind: number): ReportKind | undefined {
  return KINDS.get(kind);
}

/** @returns undefined for a kind or stage added in a newer release */
export function toReportRow(row: KnownReport, finding: ReportFinding | undefined): FraudReportRow | undefined {
  const [kind, stage] = [kindOf(row.kind), STAGES.get(row.stage)];
  if (kind === undefined || stage === undefined) return undefined;
  return {
    id: row.report_id,
    reportId: row.client_report_id,
    version: row.version,
    kind,
    stage,
    isWithdrawn: row.withdrawn,
    reasonCode: row.reason_code,
    amountMinor: row.amount_minor,
    currency: row.currency,
    verdict: VERDICTS.get(row.verdict) ?? "nothing",
    policyVersion: row.policy_version,
    finding: finding ?? null,
  };
}
