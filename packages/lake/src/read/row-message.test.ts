import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import {
  DeclinedBy,
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
  Outcome,
  PaymentUpdateKind,
  Rung,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { appliedLabelOf, decisionOf, fraudReportOf, paymentUpdateOf, transactionOf, vectorOf } from "./row-message.js";

test("a row written before payers and countries existed is read as a payment without them", () => {
  const old = { transaction_id: "txn_1", card_token: "ct_1", amount_minor: 1_299n, device_token: "dt_1", ip_token: "" };
  expect(transactionOf(old)).toMatchObject({ ...UNSENT, cardToken: "ct_1", amountMinor: 1_299, deviceToken: "dt_1" });
  // DuckDB returns such rows when it combines files with and without a column.
  const joined = { ...old, bin: null, email_token: null, network_token: null, merchant_country: null };
  expect(vectorOf({ ...joined, spec_version: 3 })).toMatchObject({
    specVersion: 3,
    transaction: { ...UNSENT, deviceToken: "dt_1" },
  });
});

test("a row without the column for reached entities is read as a label that reached no entity", () => {
  const old = { label_id: "lbl_1", card_token: "ct_1", sequences: [3n, 0n], applied_at_ms: 5n };
  const expected = { label: { labelId: "lbl_1", cardToken: "ct_1" }, sequences: [3, 0], entityIds: [], appliedAtMs: 5 };
  expect(appliedLabelOf(old)).toMatchObject(expected);
  expect(appliedLabelOf({ ...old, entity_ids: null })).toMatchObject(expected);
});

test.each([
  ["decline", "rules_only", "review"],
  ["DECLINE", "RULES_ONLY", "REVIEW"],
])("regression #24: reads a decision with either spelling of its outcome: %s", (outcome, rung, reason) => {
  const row = { outcome, rung, reasons: [{ code: "A", text: "", outcome: reason }], spent_budgets: [reason] };
  expect(decisionOf(row)).toMatchObject({
    outcome: Outcome.DECLINE,
    rung: Rung.RULES_ONLY,
    reasons: [{ code: "A", outcome: Outcome.REVIEW }],
    spentBudgets: [Outcome.REVIEW],
  });
});

test("reads a payment update with its kind and who declined; a missing amount stays missing", () => {
  const row = { update_id: "upd_1", kind: "declined", declined_by: "tripline", amount_minor: null, updated_at_ms: 5n };
  expect(paymentUpdateOf(row)).toMatchObject({
    updateId: "upd_1",
    kind: PaymentUpdateKind.DECLINED,
    declinedBy: DeclinedBy.TRIPLINE,
    amountMinor: undefined,
    updatedAtMs: 5,
  });
});

test("reads a fraud report, and labels with and without the columns for fraud reports", () => {
  const row = { kind: "tc40", stage: "won", verdict: "genuine", version: 2, withdrawn: false, amount_minor: null };
  expect(fraudReportOf(row)).toMatchObject({
    kind: FraudReportKind.TC40,
    stage: FraudReportStage.WON,
    verdict: FraudVerdict.GENUINE,
    version: 2,
    amountMinor: undefined,
  });
  expect(appliedLabelOf({ label_id: "lbl_1" }).label).toMatchObject({ reportId: "", replacedAtMs: undefined });
  expect(appliedLabelOf({ report_id: "rpt_1", replaced_at_ms: 5n }).label).toMatchObject({
    reportId: "rpt_1",
    replacedAtMs: 5,
  });
});
