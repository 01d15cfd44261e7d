import { randomBytes } from "node:crypto";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  Decision,
  DeclinedBy,
  FeatureVector,
  FraudReport,
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
  Label,
  Outcome,
  PaymentUpdate,
  PaymentUpdateKind,
  Rung,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { fraudReportId, labelId, paymentUpdateId, transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { OutgoingRecord } from "@tripline/kafka/port";

const hex = (): string => randomBytes(16).toString("hex");

export interface TestPayment {
  readonly transactionId: string;
  readonly vector: OutgoingRecord;
  readonly decision: OutgoingRecord;
  readonly label: (fraud: boolean, atMs?: number) => OutgoingRecord;
  /** By default, the update says that the issuer authorised the payment. */
  readonly update: (id: string, change?: Partial<PaymentUpdate>) => OutgoingRecord;
  /** By default, the report is the first version of a chargeback. */
  readonly report: (id: string, change?: Partial<FraudReport>) => OutgoingRecord;
}

export const newCard = (): string => `ct_${hex()}`;

/** The records of one payment, as the other services write them. */
export function testPayment(
  tenant: string,
  given: Partial<{
    id: string;
    card: string;
    terminal: string;
    outcome: Outcome;
    amountMinor: number;
    currency: string;
    atMs: number;
    decidedAtMs: number;
    score: number;
    device: string;
    /** Other fields of the payment. */
    fields: Partial<Transaction>;
  }> = {},
): TestPayment {
  const id = given.id ?? `order-${hex().slice(0, 12)}`;
  const cardToken = given.card ?? newCard();
  const terminalId = given.terminal ?? "T1";
  const occurredAtMs = given.atMs ?? Date.now() - 1_000;
  const ids = { transactionId: transactionId(tenant, id), tenant, clientTransactionId: id, cardToken };
  const spec = currentFeatureSpec();
  const vector: FeatureVector = {
    transaction: {
      ...ids,
      ...UNSENT,
      terminalId,
      amountMinor: given.amountMinor ?? 12_345,
      currency: given.currency ?? "EUR",
      occurredAtMs,
      acceptedAtMs: Date.now(),
      deviceToken: given.device ?? "",
      ...given.fields,
    },
    specVersion: spec.version,
    values: spec.features.map((feature) => feature.default),
    computedAtMs: Date.now(),
    sequences: [],
    tooLate: false,
    incomplete: false,
    profileTimesMs: [],
  };
  const outcome = given.outcome ?? Outcome.REVIEW;
  const decision: Decision = {
    ...ids,
    outcome,
    score: given.score ?? 0.7,
    rung: Rung.MODEL,
    policyVersion: "1+abc",
    modelName: "fraud",
    modelVersion: "0123456789ab",
    featureSpecVersion: spec.version,
    occurredAtMs,
    acceptedAtMs: Date.now() - 20,
    decidedAtMs: given.decidedAtMs ?? Date.now(),
    reasons:
      outcome === Outcome.APPROVE ? [] : [{ code: "SCORE_HIGH", text: "Estimated fraud probability: 70 %.", outcome }],
    degradedBecause: "",
    wordingVersion: "",
    listHits: [],
    policyRevision: 0,
    shadowHits: [],
    spentBudgets: [],
    skippedRules: [],
  };
  const record = (topic: string, value: Uint8Array): OutgoingRecord => ({ topic, key: cardToken, value, headers: {} });
  return {
    transactionId: ids.transactionId,
    vector: record(TOPICS.features.name, FeatureVector.encode(vector).finish()),
    decision: record(TOPICS.decisions.name, Decision.encode(decision).finish()),
    label(fraud, atMs = Date.now()) {
      const label = {
        ...ids,
        labelId: labelId(tenant, id),
        terminalId,
        occurredAtMs,
        labelledAtMs: atMs,
        fraud,
        source: "chargeback",
        reportId: "",
        policyVersion: "",
      };
      return record(TOPICS.labels.name, Label.encode(label).finish());
    },
    update(clientUpdateId, change = {}) {
      const update = { ...testUpdate(ids, clientUpdateId, occurredAtMs + 1_000), ...change };
      return record(TOPICS.paymentUpdates.name, PaymentUpdate.encode(update).finish());
    },
    report(clientReportId, change = {}) {
      const report = { ...testReport({ ...ids, terminalId, occurredAtMs }, clientReportId, change.version), ...change };
      return record(TOPICS.fraudReports.name, FraudReport.encode(report).finish());
    },
  };
}

type PaymentIds = Pick<PaymentUpdate, "tenant" | "transactionId" | "clientTransactionId" | "cardToken">;

function testUpdate(ids: PaymentIds, clientUpdateId: string, updatedAtMs: number): PaymentUpdate {
  return {
    ...ids,
    updateId: paymentUpdateId(ids.tenant, ids.clientTransactionId, clientUpdateId),
    clientUpdateId,
    kind: PaymentUpdateKind.AUTHORISED,
    declinedBy: DeclinedBy.UNSPECIFIED,
    issuerCode: "",
    currency: "",
    updatedAtMs,
    acceptedAtMs: updatedAtMs,
  };
}

function testReport(
  payment: PaymentIds & Pick<FraudReport, "terminalId" | "occurredAtMs">,
  clientReportId: string,
  version = 1,
): FraudReport {
  return {
    ...payment,
    reportId: fraudReportId(payment.tenant, clientReportId, version),
    clientReportId,
    version,
    kind: FraudReportKind.CHARGEBACK,
    stage: FraudReportStage.RECEIVED,
    withdrawn: false,
    reasonCode: "10.4",
    currency: "",
    reportedAtMs: payment.occurredAtMs + version,
    acceptedAtMs: payment.occurredAtMs + version,
    verdict: FraudVerdict.FRAUD,
    policyVersion: "default-1",
    acquirerReference: "",
    authorisationCode: "",
    file: "",
    matchedBy: "",
  };
}

const WAIT_MS_MAX = 120_000;
const POLL_MS = 50;

/** Waits until the sent records have been read. @throws the last error of `check` after 30 s */
export async function eventually<T>(check: () => Promise<T>): Promise<T> {
  const untilMs = Date.now() + WAIT_MS_MAX;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
