import { FraudReportKind, FraudReportStage, FraudVerdict } from "../generated/tripline/events/v1/events.js";

/** Kinds of fraud reports, as in the API. */
export const REPORT_KINDS = ["chargeback", "tc40", "safe", "early_warning", "refund", "analyst", "customer"] as const;
export type ReportKindName = (typeof REPORT_KINDS)[number];

/** Stages of a chargeback, in their usual order. */
export const REPORT_STAGES = ["received", "represented", "won", "lost"] as const;
export type ReportStageName = (typeof REPORT_STAGES)[number];

/** Maximum version of a report that ingestion accepts. */
export const REPORT_VERSION_MAX = 1_000_000;

export const REPORT_VERDICTS = ["nothing", "fraud", "genuine"] as const;
export type ReportVerdictName = (typeof REPORT_VERDICTS)[number];

/** The cases for which a policy sets a verdict: a kind of report, or a stage of a chargeback. */
export const REPORT_CASES = [
  ...REPORT_STAGES.map((stage) => `chargeback/${stage}` as const),
  ...REPORT_KINDS.filter((kind) => kind !== "chargeback"),
] as const;
export type ReportCase = (typeof REPORT_CASES)[number];

/** The verdicts that a tenant derives from fraud reports. */
export interface FraudReportPolicy {
  readonly version: string;
  /** Cases without an entry have the verdict in `REPORT_POLICY_DEFAULT`. */
  readonly counts: Readonly<Partial<Record<ReportCase, ReportVerdictName>>>;
}

/**
 * A refund alone does not mean fraud. A chargeback counts as fraud until the merchant wins the representment.
 */
const COUNTS_DEFAULT: Readonly<Record<ReportCase, ReportVerdictName>> = {
  "chargeback/received": "fraud",
  "chargeback/represented": "fraud",
  "chargeback/won": "genuine",
  "chargeback/lost": "fraud",
  tc40: "fraud",
  safe: "fraud",
  early_warning: "fraud",
  refund: "nothing",
  analyst: "fraud",
  customer: "fraud",
};
export const REPORT_POLICY_DEFAULT: FraudReportPolicy = { version: "default-1", counts: COUNTS_DEFAULT };

/** The verdict that follows from a report. */
export function reportVerdict(
  policy: FraudReportPolicy,
  kind: ReportKindName,
  stage: ReportStageName,
): ReportVerdictName {
  const of: ReportCase = kind === "chargeback" ? `chargeback/${stage}` : kind;
  return policy.counts[of] ?? COUNTS_DEFAULT[of];
}

export const REPORT_KIND_NUMBERS: Readonly<Record<ReportKindName, FraudReportKind>> = {
  chargeback: FraudReportKind.CHARGEBACK,
  tc40: FraudReportKind.TC40,
  safe: FraudReportKind.SAFE,
  early_warning: FraudReportKind.EARLY_WARNING,
  refund: FraudReportKind.REFUND,
  analyst: FraudReportKind.ANALYST,
  customer: FraudReportKind.CUSTOMER,
};

export const REPORT_STAGE_NUMBERS: Readonly<Record<ReportStageName, FraudReportStage>> = {
  received: FraudReportStage.RECEIVED,
  represented: FraudReportStage.REPRESENTED,
  won: FraudReportStage.WON,
  lost: FraudReportStage.LOST,
};

export const REPORT_VERDICT_NUMBERS: Readonly<Record<ReportVerdictName, FraudVerdict>> = {
  nothing: FraudVerdict.NOTHING,
  fraud: FraudVerdict.FRAUD,
  genuine: FraudVerdict.GENUINE,
};

/** The names by number. A missing number was added in a newer release. */
export const REPORT_KIND_NAMES = byNumber(REPORT_KIND_NUMBERS);
export const REPORT_STAGE_NAMES = byNumber(REPORT_STAGE_NUMBERS);
export const REPORT_VERDICT_NAMES = byNumber(REPORT_VERDICT_NUMBERS);

function byNumber<Name extends string>(numbers: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> {
  return new Map((Object.keys(numbers) as Name[]).map((name) => [numbers[name], name]));
}
