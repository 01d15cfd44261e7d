import { DuckDBBlobValue } from "@duckdb/node-api";
import type { ListHit, Reason, ShadowHit, SkippedRule } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  AppliedLabel,
  AppliedPaymentUpdate,
  Decision,
  DeclinedBy,
  FeatureVector,
  FraudReport,
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
  Label,
  ModelTrial,
  Outcome,
  PaymentUpdate,
  PaymentUpdateKind,
  Rung,
  Transaction,
  TrialRole,
} from "@tripline/contracts/generated/tripline/events/v1/events";

/** A row of a topic's archive, by column. */
export type Row = Readonly<Record<string, unknown>>;

const NOTHING = new Uint8Array();

export function transactionOf(row: Row): Transaction {
  return filled(Transaction.decode(NOTHING), fieldsOf(row));
}

export function labelOf(row: Row): Label {
  return filled(Label.decode(NOTHING), fieldsOf(row));
}

export function fraudReportOf(row: Row): FraudReport {
  const report = filled(FraudReport.decode(NOTHING), fieldsOf(row));
  return {
    ...report,
    kind: enumValueOf(FraudReportKind, report.kind),
    stage: enumValueOf(FraudReportStage, report.stage),
    verdict: enumValueOf(FraudVerdict, report.verdict),
  };
}

export function vectorOf(row: Row): FeatureVector {
  return { ...filled(FeatureVector.decode(NOTHING), fieldsOf(row)), transaction: transactionOf(row) };
}

export function appliedLabelOf(row: Row): AppliedLabel {
  return { ...filled(AppliedLabel.decode(NOTHING), fieldsOf(row)), label: labelOf(row) };
}

export function paymentUpdateOf(row: Row): PaymentUpdate {
  const update = filled(PaymentUpdate.decode(NOTHING), fieldsOf(row));
  return {
    ...update,
    kind: enumValueOf(PaymentUpdateKind, update.kind),
    declinedBy: enumValueOf(DeclinedBy, update.declinedBy),
  };
}

export function appliedPaymentUpdateOf(row: Row): AppliedPaymentUpdate {
  return { ...filled(AppliedPaymentUpdate.decode(NOTHING), fieldsOf(row)), update: paymentUpdateOf(row) };
}

export function decisionOf(row: Row): Decision {
  const decision = filled(Decision.decode(NOTHING), fieldsOf(row));
  const reasons = decision.reasons.map(
    (reason): Reason => ({ ...reason, outcome: enumValueOf(Outcome, reason.outcome) }),
  );
  return {
    ...decision,
    reasons,
    listHits: decision.listHits.map(listHitOf),
    shadowHits: decision.shadowHits.map(shadowHitOf),
    spentBudgets: decision.spentBudgets.map((name) => enumValueOf(Outcome, name)),
    skippedRules: decision.skippedRules.map(skippedRuleOf),
    outcome: enumValueOf(Outcome, decision.outcome),
    rung: enumValueOf(Rung, decision.rung),
    ...trialOf(row),
  };
}

/** A missing expiry is left absent instead of null. */
function listHitOf(row: object): ListHit {
  const { expiresAtMs, ...hit } = Object.fromEntries(fieldsOf({ ...row })) as unknown as ListHit;
  return typeof expiresAtMs === "number" ? { ...hit, expiresAtMs } : hit;
}

/** Archives from before rollouts existed lack these columns; for payments outside a rollout, they are null. */
function trialOf(row: Row): { trial?: ModelTrial } {
  if (row.candidate_version == null) return {};
  const trial = filled(ModelTrial.decode(NOTHING), fieldsOf(row));
  return { trial: { ...trial, trialRole: enumValueOf(TrialRole, trial.trialRole) } };
}

function shadowHitOf(row: object): ShadowHit {
  const hit = Object.fromEntries(fieldsOf({ ...row })) as unknown as ShadowHit;
  return { ...hit, outcome: enumValueOf(Outcome, hit.outcome) };
}

function skippedRuleOf(row: object): SkippedRule {
  return Object.fromEntries(fieldsOf({ ...row })) as unknown as SkippedRule;
}

/** The archive stores the name of an enum value (in upper case until 0.1), or the digits of an unknown value. */
export function enumValueOf(values: Readonly<Record<string, string | number>>, name: unknown): number {
  const value = values[String(name).toUpperCase()];
  return typeof value === "number" ? value : Number(name);
}

/** A message with the fields of a row. The archive wrote each column from the field with that name and type. */
function filled<M extends object>(empty: M, fields: ReadonlyMap<string, unknown>): M {
  const entries = Object.entries(empty).map(([name, absent]) => [name, fields.get(name) ?? absent]);
  return Object.fromEntries(entries) as M;
}

/** By field name; columns are in snake case. */
function fieldsOf(row: Row): Map<string, unknown> {
  return new Map(Object.entries(row).map(([column, value]) => [camelCase(column), plain(value)]));
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof DuckDBBlobValue) return value.bytes;
  return Array.isArray(value) ? value.map(plain) : value;
}

/** Field names by column. There are as many as the archives have columns. */
const fieldNames = new Map<string, string>();

function camelCase(column: string): string {
  const known = fieldNames.get(column);
  if (known !== undefined) return known;
  const name = column.replaceAll(/_[a-z]/g, (part) => part.slice(1).toUpperCase());
  fieldNames.set(column, name);
  return name;
}
