import {
  FraudReport,
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { LAKE_TABLES } from "./lake-tables.js";

const AT_MS = Date.UTC(2024, 1, 29, 12);

const report: FraudReport = {
  reportId: "rpt_1",
  tenant: "demo",
  transactionId: "txn_1",
  clientTransactionId: "c-1",
  cardToken: "ct_1",
  terminalId: "t-1",
  occurredAtMs: AT_MS - 1,
  clientReportId: "d-1",
  version: 2,
  kind: FraudReportKind.EARLY_WARNING,
  stage: FraudReportStage.RECEIVED,
  withdrawn: false,
  reasonCode: "10.4",
  amountMinor: 1299,
  currency: "EUR",
  reportedAtMs: AT_MS,
  acceptedAtMs: AT_MS + 5,
  verdict: FraudVerdict.FRAUD,
  policyVersion: "default-1",
  acquirerReference: "24692164001000123456789",
  authorisationCode: "A1B2C3",
  file: "tc40-2024-02.csv",
  matchedBy: "amount",
};

test("every field of a fraud report has a column, and the row belongs to the day of the report", () => {
  const { columns, decode } = LAKE_TABLES.fraudReports;
  const row = decode(FraudReport.encode(report).finish());
  expect(row).toMatchObject({ eventTimeMs: AT_MS, day: "2024-02-29" });
  const found = row.cells().map((cell, index) => [columns[index]?.name, cell]);
  expect(found).toHaveLength(Object.keys(report).length);
  expect(Object.fromEntries(found)).toEqual({
    report_id: "rpt_1",
    tenant: "demo",
    transaction_id: "txn_1",
    client_transaction_id: "c-1",
    card_token: "ct_1",
    terminal_id: "t-1",
    occurred_at_ms: BigInt(AT_MS - 1),
    client_report_id: "d-1",
    version: 2,
    kind: "early_warning",
    stage: "received",
    withdrawn: false,
    reason_code: "10.4",
    amount_minor: 1299n,
    currency: "EUR",
    reported_at_ms: BigInt(AT_MS),
    accepted_at_ms: BigInt(AT_MS + 5),
    verdict: "fraud",
    policy_version: "default-1",
    acquirer_reference: "24692164001000123456789",
    authorisation_code: "A1B2C3",
    file: "tc40-2024-02.csv",
    matched_by: "amount",
  });
});
