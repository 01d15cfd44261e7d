import {
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { z } from "zod";
import type {
  FraudReportRow,
  ReportFinding,
  ReportKind,
  ReportStage,
  ReportVerdict,
} from "../contract/fraud-reports.js";

/** A row of `console.fraud_reports`, and whether its report is about another payment since then. */
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
  is_counted: z.boolean(),
  is_conflicting: z.boolean(),
  /** When a higher version was reported that is about another payment; not a column. */
  moved_at_ms: z.coerce.number().nullable(),
});
export type KnownReport = z.infer<typeof reportRow>;

export const REPORT_COLUMNS = Object.keys(reportRow.shape)
  .map((name) => `r.${name}`)
  .join(", ");

const KINDS: Readonly<Record<number, ReportKind>> = {
  [FraudReportKind.CHARGEBACK]: "chargeback",
  [FraudReportKind.TC40]: "tc40",
  [FraudReportKind.SAFE]: "safe",
  [FraudReportKind.EARLY_WARNING]: "early_warning",
  [FraudReportKind.REFUND]: "refund",
  [FraudReportKind.ANALYST]: "analyst",
  [FraudReportKind.CUSTOMER]: "customer",
};

const STAGES: Readonly<Record<number, ReportStage>> = {
  [FraudReportStage.RECEIVED]: "received",
  [FraudReportStage.REPRESENTED]: "represented",
  [FraudReportStage.WON]: "won",
  [FraudReportStage.LOST]: "lost",
};

const VERDICTS: Readonly<Record<number, ReportVerdict>> = {
  [FraudVerdict.FRAUD]: "fraud",
  [FraudVerdict.GENUINE]: "genuine",
};

/** @returns undefined for a kind that only a newer version knows */
export function kindOf(kind: number): ReportKind | undefined {
  return KINDS[kind];
}

/** @returns undefined for a kind or stage that only a newer version knows */
export function toReportRow(row: KnownReport, finding: ReportFinding | undefined): FraudReportRow | undefined {
  const [kind, stage] = [kindOf(row.kind), STAGES[row.stage]];
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
    verdict: VERDICTS[row.verdict] ?? "nothing",
    policyVersion: row.policy_version,
    finding: finding ?? null,
  };
}
