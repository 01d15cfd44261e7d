import type { FallbackLevelName, OutcomeName } from "@tripline/contracts/decisions/decision-names";
import { FALLBACK_LEVEL_NAMES, OUTCOME_NAMES } from "@tripline/contracts/decisions/decision-names";
import {
  REPORT_KIND_NAMES,
  REPORT_STAGE_NAMES,
  REPORT_VERDICT_NAMES,
} from "@tripline/contracts/fraud-reports/report-policy";
import type {
  CaseEvent,
  Decision,
  DriftDetected,
  FraudReport,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { CaseEventKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { WebhookEventType } from "@tripline/contracts/webhook-events";
import { z } from "zod";
import type { WebhookEvent } from "./webhook-event.js";

/*
 * Converts records to events for tenants. Event data contains only IDs, codes and numbers: no field of the classes card
 * and personal (docs/data-map.md), no text written by users, and no score, because exact scores allow copying the
 * model.
 */

const OUTCOMES: Readonly<Record<number, OutcomeName>> = OUTCOME_NAMES;
const FALLBACK_LEVELS: Readonly<Record<number, FallbackLevelName>> = FALLBACK_LEVEL_NAMES;

/** Undefined for an outcome added in a later release. */
export function eventOfDecision(decision: Decision): WebhookEvent | undefined {
  const outcome = OUTCOMES[decision.outcome];
  if (outcome === undefined) return undefined;
  return {
    tenant: decision.tenant,
    type: `decision.${outcome}`,
    sourceId: decision.transactionId,
    atMs: decision.decidedAtMs,
    data: {
      id: decision.transactionId,
      transaction_id: decision.clientTransactionId,
      outcome,
      reason_codes: decision.reasons.map(({ code }) => code),
      fallback_level: FALLBACK_LEVELS[decision.rung] ?? null,
      policy_version: decision.policyVersion,
      policy_revision: decision.policyRevision === 0 ? null : decision.policyRevision,
      decided_at: timeOf(decision.decidedAtMs),
    },
  };
}

const CASES: Readonly<Record<number, WebhookEventType>> = {
  [CaseEventKind.OPENED]: "case.opened",
  [CaseEventKind.ASSIGNED]: "case.assigned",
  [CaseEventKind.UNASSIGNED]: "case.unassigned",
  [CaseEventKind.CLOSED]: "case.closed",
  [CaseEventKind.REOPENED]: "case.reopened",
};

/** Undefined for an event added in a later release. */
export function eventOfCase({ tenant, caseId, kind, revision, atMs, ...event }: CaseEvent): WebhookEvent | undefined {
  const type = CASES[kind];
  if (type === undefined) return undefined;
  return {
    tenant,
    type,
    sourceId: event.eventId,
    atMs,
    orderKey: `case/${caseId}`,
    data: {
      case_id: caseId,
      revision,
      payments: event.payments,
      ...(type === "case.closed" ? { verdict: event.verdict } : {}),
    },
  };
}

/**
 * Undefined for a kind or stage added in a later release, and for a report whose payment is not known yet: the console
 * writes the report again once it has found the payment.
 *
 * @param recordAtMs when the record was written to the topic
 */
export function eventOfReport(report: FraudReport, recordAtMs: number): WebhookEvent | undefined {
  const [kind, stage] = [REPORT_KIND_NAMES.get(report.kind), REPORT_STAGE_NAMES.get(report.stage)];
  if (report.transactionId === "" || kind === undefined || stage === undefined) return undefined;
  return {
    tenant: report.tenant,
    type: "fraud_report.received",
    sourceId: report.reportId,
    // A file may report events from weeks ago, and a match may follow weeks after the report was accepted.
    atMs: report.matchedBy === "" ? report.acceptedAtMs : recordAtMs,
    orderKey: `report/${report.clientReportId}`,
    data: {
      report_id: report.clientReportId,
      version: report.version,
      id: report.transactionId,
      transaction_id: report.clientTransactionId,
      kind,
      stage,
      withdrawn: report.withdrawn,
      verdict: REPORT_VERDICT_NAMES.get(report.verdict) ?? null,
    },
  };
}

export function eventOfDrift(drift: DriftDetected): WebhookEvent {
  return {
    tenant: drift.tenant,
    type: "drift.detected",
    sourceId: drift.eventId,
    atMs: drift.detectedAtMs,
    orderKey: `model/${drift.modelName}`,
    data: {
      model: drift.modelName,
      day: drift.day,
      payments: drift.rows,
      columns: drift.columns.map(({ column, kind, distance, threshold }) => ({ column, kind, distance, threshold })),
    },
  };
}

/** The fields of an `AuditEvent` from which webhook events are built. */
export interface AuditedChange {
  readonly eventId: string;
  readonly tenant: string;
  readonly action: string;
  readonly subjectId: string;
  readonly details: string;
  readonly atMs: number;
  readonly source: string;
}

const listDetails = z.looseObject({ list: z.string(), entries: z.number().default(1), kind: z.string().optional() });
const activationDetails = z.looseObject({
  activation: z.number(),
  revision: z.number().nullable(),
  activates_at: z.iso.datetime(),
  kind: z.string().nullable().default(null),
});
const rolloutDetails = z.looseObject({
  rollout: z.string(),
  model: z.string(),
  candidate: z.string(),
  revision: z.number(),
  stage: z.string(),
  canary_percent: z.number(),
});

type Written = Pick<WebhookEvent, "type" | "orderKey" | "data">;

type ListChange = "added" | "removed" | "withdrawn";

const LIST_CHANGES: Readonly<Record<string, ListChange>> = {
  "list-entries-put": "added",
  "list-entry-removed": "removed",
  "list-entries-withdrawn": "withdrawn",
};

function ofList(change: ListChange, details: unknown): Written {
  const { list, entries, kind } = listDetails.parse(details);
  const data = { list, change, entries, kind: kind ?? null };
  return { type: "list.changed", orderKey: `list/${list}`, data };
}

function ofActivation(details: unknown): Written {
  const { activation, revision, activates_at, kind } = activationDetails.parse(details);
  return { type: "policy.activated", orderKey: "policy", data: { activation, revision, activates_at, kind } };
}

function ofRollout(action: string, details: unknown): Written | undefined {
  const found = rolloutDetails.safeParse(details);
  // Some actions have the same prefix but are not rollout steps.
  if (!found.success) return undefined;
  const { rollout, model, candidate, revision, stage, canary_percent } = found.data;
  return {
    type: stage === "rolled-back" ? "rollout.rolled_back" : "rollout.step",
    orderKey: `model/${model}`,
    data: { rollout, model, candidate, revision, step: action.slice("rollout-".length), stage, canary_percent },
  };
}

function writeChange(action: string, details: unknown): Written | undefined {
  const change = LIST_CHANGES[action];
  if (change !== undefined) return ofList(change, details);
  if (action === "policy-activated") return ofActivation(details);
  return action.startsWith("rollout-") ? ofRollout(action, details) : undefined;
}

/** Undefined for an action that produces no webhook event. */
export function eventOfAudit({
  eventId,
  tenant,
  action,
  details,
  atMs,
  source,
}: AuditedChange): WebhookEvent | undefined {
  if (source !== "control") return undefined;
  const written = writeChange(action, JSON.parse(details));
  return written === undefined ? undefined : { tenant, sourceId: eventId, atMs, ...written };
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
