import { DATA_CLASSES } from "@tripline/contracts/data-classes";
import {
  CaseEvent,
  CaseEventKind,
  Decision,
  DriftDetected,
  FraudReport,
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
  Outcome,
  Rung,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { eventOfAudit, eventOfCase, eventOfDecision, eventOfDrift, eventOfReport } from "./read-events.js";
import type { WebhookEvent } from "./webhook-event.js";
import { messageBody } from "./write-message.js";

const NOTHING = new Uint8Array();
const AT_MS = Date.parse("2026-11-30T12:00:00Z");
const CARD = `ct_${"a".repeat(32)}`;

const decision: Decision = {
  ...Decision.decode(NOTHING),
  transactionId: "txn_1",
  clientTransactionId: "order-1",
  tenant: "acme",
  cardToken: CARD,
  outcome: Outcome.DECLINE,
  reasons: [{ code: "BIG", text: "An amount of 900.00.", outcome: Outcome.DECLINE }],
  score: 0.9871,
  rung: Rung.MODEL,
  policyVersion: "7-abc",
  policyRevision: 7,
  decidedAtMs: AT_MS,
};

const report: FraudReport = {
  ...FraudReport.decode(NOTHING),
  ...{ tenant: "acme", reportId: "rpt_1", clientReportId: "d-1", version: 2, acceptedAtMs: AT_MS, cardToken: CARD },
  ...{ transactionId: "txn_1", clientTransactionId: "order-1", terminalId: "T1", reasonCode: "10.4" },
  kind: FraudReportKind.CHARGEBACK,
  stage: FraudReportStage.WON,
  verdict: FraudVerdict.GENUINE,
};

const audited = (action: string, details: object, more: object = {}) => ({
  ...{ eventId: "e1", tenant: "acme", action, subjectId: "", details: JSON.stringify(details), atMs: AT_MS },
  ...{ source: "control", ...more },
});

/** When the record was written. */
const RECORD_AT_MS = 9_999;

test.each<[string, WebhookEvent | undefined, object]>([
  [
    "a decision",
    eventOfDecision(decision),
    {
      type: "decision.decline",
      data: {
        id: "txn_1",
        transaction_id: "order-1",
        reason_codes: ["BIG"],
        fallback_level: "model",
        policy_revision: 7,
      },
    },
  ],
  [
    "a closed case",
    eventOfCase({
      ...CaseEvent.decode(NOTHING),
      ...{ tenant: "acme", caseId: "c1", eventId: "c1/4", kind: CaseEventKind.CLOSED, revision: 4, verdict: "fraud" },
    }),
    { type: "case.closed", orderKey: "case/c1", data: { case_id: "c1", revision: 4, payments: 0, verdict: "fraud" } },
  ],
  [
    "a fraud report",
    eventOfReport(report, RECORD_AT_MS),
    {
      type: "fraud_report.received",
      atMs: AT_MS,
      orderKey: "report/d-1",
      data: {
        report_id: "d-1",
        version: 2,
        id: "txn_1",
        transaction_id: "order-1",
        kind: "chargeback",
        stage: "won",
        withdrawn: false,
        verdict: "genuine",
      },
    },
  ],
  [
    "an entry added to a list",
    eventOfAudit(audited("list-entries-put", { list: "deny", entries: 1, kind: "card", value: CARD, reason: "Ada" })),
    { type: "list.changed", data: { list: "deny", change: "added", entries: 1, kind: "card" } },
  ],
  [
    "an entry removed from a list",
    eventOfAudit(audited("list-entry-removed", { list: "deny", kind: "card", value: CARD })),
    { type: "list.changed", data: { list: "deny", change: "removed", entries: 1, kind: "card" } },
  ],
  [
    "an activation",
    eventOfAudit(
      audited("policy-activated", {
        ...{ activation: 3, revision: 2, activates_at: new Date(AT_MS), note: "for Ada", kind: "new" },
      }),
    ),
    {
      type: "policy.activated",
      data: { activation: 3, revision: 2, activates_at: "2026-11-30T12:00:00.000Z", kind: "new" },
    },
  ],
  [
    "a rollback of a model",
    eventOfAudit(
      audited("rollout-rollback", {
        ...{
          rollout: "r",
          model: "fraud",
          candidate: "2",
          revision: 3,
          stage: "rolled-back",
          canary_percent: 0,
          why: "x",
        },
      }),
    ),
    { type: "rollout.rolled_back", orderKey: "model/fraud", data: { step: "rollback", stage: "rolled-back" } },
  ],
  [
    "drift",
    eventOfDrift({ ...DriftDetected.decode(NOTHING), modelName: "fraud", day: "2026-11-29", rows: 9 }),
    { type: "drift.detected", data: { model: "fraud", day: "2026-11-29", payments: 9, columns: [] } },
  ],
])("%s becomes an event", (_what, event, expected) => {
  expect(event).toMatchObject(expected);
});

test.each([
  ["another action", audited("policy-draft-saved", { name: "a" })],
  ["an action with the same name in another service", audited("policy-activated", {}, { source: "auth" })],
  ["an action with the prefix of a rollout", audited("rollout-plan-changed", { plan: "x" })],
])("%s does not become an event", (_what, change) => {
  expect(eventOfAudit(change)).toBeUndefined();
});

test("skips outcomes and kinds from a later release, and reports without a payment", () => {
  expect(eventOfReport({ ...report, kind: 99 as FraudReportKind }, RECORD_AT_MS)).toBeUndefined();
  expect(eventOfReport({ ...report, transactionId: "" }, RECORD_AT_MS)).toBeUndefined();
  // regression #30: an endpoint created between the report and its match receives the event.
  expect(eventOfReport({ ...report, matchedBy: "user" }, RECORD_AT_MS)?.atMs).toBe(RECORD_AT_MS);
  expect(eventOfDecision({ ...decision, outcome: 99 as Outcome })).toBeUndefined();
  expect(eventOfCase({ ...CaseEvent.decode(NOTHING), kind: 99 as CaseEventKind })).toBeUndefined();
});

test("the payload of a decision contains no card or personal data, no score and no sentence", () => {
  const event = eventOfDecision(decision);
  const body = messageBody(event ?? { type: "", atMs: 0, data: {} });
  const classes = DATA_CLASSES.Decision ?? {};
  const kept = Object.entries(decision).filter(([name]) => ["card", "personal"].includes(classes[name] ?? ""));
  expect(kept.length).toBeGreaterThan(0);
  for (const [, value] of kept) expect(body).not.toContain(String(value));
  expect(body).not.toContain("0.98");
  expect(body).not.toContain("900.00");
});

test("the payload of a list change contains no value and no reason", () => {
  const event = eventOfAudit(
    audited("list-entries-put", { list: "deny", entries: 1, kind: "card", value: CARD, reason: "Ada" }),
  );
  expect(JSON.stringify(event)).not.toMatch(/ct_|Ada/);
});
