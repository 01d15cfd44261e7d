import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { BIGINT, BLOB, BOOLEAN, blobValue, DOUBLE, INTEGER, LIST, STRUCT, VARCHAR } from "@duckdb/node-api";
import type {
  DriftedColumn,
  ListHit,
  Reason,
  ShadowHit,
  SkippedRule,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  DeclinedBy,
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
  Outcome,
  PaymentUpdateKind,
  Rung,
  TrialRole,
} from "@tripline/contracts/generated/tripline/events/v1/events";

/** How fields of one TypeScript type are stored in a column. */
export interface ColumnKind<V> {
  readonly type: DuckDBType;
  cell(value: V): DuckDBValue;
}

export const text: ColumnKind<string> = { type: VARCHAR, cell: (value) => value };

export const bytes: ColumnKind<Uint8Array | undefined> = {
  type: BLOB,
  cell: (value) => (value === undefined ? null : blobValue(value)),
};

export const flag: ColumnKind<boolean | undefined> = { type: BOOLEAN, cell: (value) => value ?? null };

/** 32-bit numbers. */
export const integer: ColumnKind<number> = { type: INTEGER, cell: (value) => value };

/** 64-bit numbers; the generated code accepts only those that a JavaScript number represents exactly. */
export const long: ColumnKind<number | undefined> = {
  type: BIGINT,
  cell: (value) => (value === undefined ? null : BigInt(value)),
};

export const double: ColumnKind<number | undefined> = { type: DOUBLE, cell: (value) => value ?? null };

export const doubles: ColumnKind<readonly number[]> = {
  type: LIST(DOUBLE),
  cell: (values) => ({ items: values }),
};

export const longs: ColumnKind<readonly number[]> = {
  type: LIST(BIGINT),
  cell: (values) => ({ items: values.map((value) => BigInt(value)) }),
};

export const texts: ColumnKind<readonly string[]> = {
  type: LIST(VARCHAR),
  cell: (values) => ({ items: [...values] }),
};

export const outcome: ColumnKind<Outcome> = { type: VARCHAR, cell: (value) => nameOf(Outcome, value) };

export const outcomes: ColumnKind<readonly Outcome[]> = {
  type: LIST(VARCHAR),
  cell: (values) => ({ items: values.map((value) => nameOf(Outcome, value)) }),
};

export const rung: ColumnKind<Rung> = { type: VARCHAR, cell: (value) => nameOf(Rung, value) };

export const updateKind: ColumnKind<PaymentUpdateKind> = {
  type: VARCHAR,
  cell: (value) => nameOf(PaymentUpdateKind, value),
};

export const declinedBy: ColumnKind<DeclinedBy> = { type: VARCHAR, cell: (value) => nameOf(DeclinedBy, value) };

export const reportKind: ColumnKind<FraudReportKind> = {
  type: VARCHAR,
  cell: (value) => nameOf(FraudReportKind, value),
};

export const reportStage: ColumnKind<FraudReportStage> = {
  type: VARCHAR,
  cell: (value) => nameOf(FraudReportStage, value),
};

export const verdict: ColumnKind<FraudVerdict> = { type: VARCHAR, cell: (value) => nameOf(FraudVerdict, value) };

export const trialRole: ColumnKind<TrialRole> = { type: VARCHAR, cell: (value) => nameOf(TrialRole, value) };

export const reasons: ColumnKind<readonly Reason[]> = {
  type: LIST(STRUCT({ code: VARCHAR, text: VARCHAR, outcome: VARCHAR })),
  cell: (values) => ({
    items: values.map((reason) => ({
      entries: { code: reason.code, text: reason.text, outcome: nameOf(Outcome, reason.outcome) },
    })),
  }),
};

export const listHits: ColumnKind<readonly ListHit[]> = {
  type: LIST(
    STRUCT({
      list: VARCHAR,
      kind: VARCHAR,
      effect: VARCHAR,
      reason: VARCHAR,
      created_at_ms: BIGINT,
      expires_at_ms: BIGINT,
    }),
  ),
  cell: (values) => ({
    items: values.map(({ list, kind, effect, reason, createdAtMs, expiresAtMs }) => ({
      entries: {
        list,
        kind,
        effect,
        reason,
        created_at_ms: BigInt(createdAtMs),
        expires_at_ms: expiresAtMs === undefined ? null : BigInt(expiresAtMs),
      },
    })),
  }),
};

export const shadowHits: ColumnKind<readonly ShadowHit[]> = {
  type: LIST(STRUCT({ rule_id: VARCHAR, code: VARCHAR, outcome: VARCHAR })),
  cell: (values) => ({
    items: values.map((hit) => ({
      entries: { rule_id: hit.ruleId, code: hit.code, outcome: nameOf(Outcome, hit.outcome) },
    })),
  }),
};

export const skippedRules: ColumnKind<readonly SkippedRule[]> = {
  type: LIST(STRUCT({ rule_id: VARCHAR, why: VARCHAR, in_shadow: BOOLEAN })),
  cell: (values) => ({
    items: values.map(({ ruleId, why, inShadow }) => ({ entries: { rule_id: ruleId, why, in_shadow: inShadow } })),
  }),
};

export const driftedColumns: ColumnKind<readonly DriftedColumn[]> = {
  type: LIST(STRUCT({ column: VARCHAR, kind: VARCHAR, distance: DOUBLE, threshold: DOUBLE, p_value: DOUBLE })),
  cell: (values) => ({
    items: values.map(({ column, kind, distance, threshold, pValue }) => ({
      entries: { column, kind, distance, threshold, p_value: pValue },
    })),
  }),
};

/**
 * The name of an enum value, spelled as in the HTTP API, or its number in digits if only a newer version of the message
 * knows it. Until 0.1, names were in upper case, so readers accept both spellings.
 */
function nameOf(names: Readonly<Record<number, string>>, value: number): string {
  return (names[value] ?? String(value)).toLowerCase();
}
