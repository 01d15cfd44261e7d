import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import {
  AppliedLabel,
  AppliedPaymentUpdate,
  Decision,
  DeclinedBy,
  DriftDetected,
  FeatureVector,
  Label,
  Outcome,
  PaymentUpdate,
  PaymentUpdateKind,
  Rung,
  Transaction,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import type { Topic } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import type { OutgoingRecord } from "@tripline/kafka/port";

/* Creates records for the tests. */

export const DAY_MS = 86_400_000;
/** Noon of a leap day. */
export const NOON_MS = Date.UTC(2024, 1, 29, 12);

export function cardOf(number: number): string {
  return `ct_${String(number).padStart(32, "0")}`;
}

export function transactionOf(number: number, change: Partial<Transaction> = {}): Transaction {
  return {
    transactionId: `txn_${number}`,
    tenant: "demo",
    clientTransactionId: `c-${number}`,
    cardToken: cardOf(number % 20),
    ...UNSENT,
    terminalId: `t-${number % 7}`,
    amountMinor: 100 + number,
    currency: "EUR",
    occurredAtMs: NOON_MS + number,
    acceptedAtMs: NOON_MS + number + 5,
    ...change,
  };
}

export function labelOf(number: number, change: Partial<Label> = {}): Label {
  return {
    labelId: `lbl_${number}`,
    tenant: "demo",
    clientTransactionId: `c-${number}`,
    cardToken: cardOf(number % 20),
    terminalId: `t-${number % 7}`,
    occurredAtMs: NOON_MS - DAY_MS,
    labelledAtMs: NOON_MS + number,
    fraud: number % 2 === 0,
    source: "chargeback",
    reportId: "",
    policyVersion: "",
    replacedAtMs: undefined,
    ...change,
  };
}

export function vectorOf(number: number, change: Partial<FeatureVector> = {}): FeatureVector {
  return {
    transaction: transactionOf(number),
    specVersion: 2,
    values: [number, -0, 0.1 + 0.2, number / 3],
    computedAtMs: NOON_MS + number + 9,
    sequences: [number, number + 1],
    tooLate: false,
    incomplete: false,
    profileTimesMs: [],
    ...change,
  };
}

export function appliedOf(number: number): AppliedLabel {
  return {
    label: labelOf(number),
    specVersion: 2,
    entityIds: [],
    sequences: [number, 0],
    tooLate: true,
    incomplete: false,
    appliedAtMs: NOON_MS,
    explained: true,
  };
}

export function updateOf(number: number, change: Partial<PaymentUpdate> = {}): PaymentUpdate {
  return {
    updateId: `upd_${number}`,
    tenant: "demo",
    transactionId: `txn_${number}`,
    clientTransactionId: `c-${number}`,
    cardToken: cardOf(number % 20),
    kind: PaymentUpdateKind.DECLINED,
    issuerCode: "51",
    currency: "",
    updatedAtMs: NOON_MS + number,
    acceptedAtMs: NOON_MS + number + 5,
    declinedBy: DeclinedBy.ISSUER,
    clientUpdateId: `u-${number}`,
    ...change,
  };
}

export function appliedUpdateOf(number: number): AppliedPaymentUpdate {
  const { label: _, explained: _explained, ...position } = appliedOf(number);
  return { update: updateOf(number), ...position, entityIds: [] };
}

export function decisionOf(number: number, change: Partial<Decision> = {}): Decision {
  return {
    transactionId: `txn_${number}`,
    tenant: "demo",
    clientTransactionId: `c-${number}`,
    cardToken: cardOf(number % 20),
    outcome: Outcome.DECLINE,
    reasons: [{ code: "A", text: `Reason ${number}`, outcome: Outcome.REVIEW }],
    score: number / 1000,
    rung: Rung.MODEL,
    degradedBecause: "",
    policyVersion: "p1",
    modelName: "fraud",
    modelVersion: "1",
    featureSpecVersion: 2,
    occurredAtMs: NOON_MS,
    acceptedAtMs: NOON_MS,
    decidedAtMs: NOON_MS + number,
    wordingVersion: "w1",
    listHits: [],
    policyRevision: 7,
    shadowHits: [],
    spentBudgets: [],
    skippedRules: [],
    ...change,
  };
}

export function driftOf(number: number): DriftDetected {
  return {
    eventId: `drift_${number}`,
    modelName: "fraud",
    tenant: "",
    day: "2024-02-28",
    comparedFrom: "2024-02-14",
    comparedTo: "2024-02-27",
    rows: number,
    columns: [{ column: "amount", kind: "feature", distance: 0.5, threshold: 0.1, pValue: 1e-9 }],
    sentence: "1 of 70 columns drifted",
    detectedAtMs: NOON_MS + number,
  };
}

type Headers = Record<string, string>;

export const transactionRecord = (message: Transaction, headers: Headers = {}): OutgoingRecord =>
  recordOf(TOPICS.transactions, message.cardToken, Transaction.encode(message).finish(), headers);

export const labelRecord = (message: Label, headers: Headers = {}): OutgoingRecord =>
  recordOf(TOPICS.labels, message.cardToken, Label.encode(message).finish(), headers);

export const vectorRecord = (message: FeatureVector, headers: Headers = {}): OutgoingRecord =>
  recordOf(TOPICS.features, message.transaction?.cardToken ?? "", FeatureVector.encode(message).finish(), headers);

export const appliedRecord = (message: AppliedLabel, headers: Headers = {}): OutgoingRecord =>
  recordOf(TOPICS.appliedLabels, message.label?.cardToken ?? "", AppliedLabel.encode(message).finish(), headers);

export const updateRecord = (message: PaymentUpdate, headers: Headers = {}): OutgoingRecord =>
  recordOf(TOPICS.paymentUpdates, message.cardToken, PaymentUpdate.encode(message).finish(), headers);

export const appliedUpdateRecord = (message: AppliedPaymentUpdate): OutgoingRecord =>
  recordOf(
    TOPICS.appliedPaymentUpdates,
    message.update?.cardToken ?? "",
    AppliedPaymentUpdate.encode(message).finish(),
    {},
  );

export const decisionRecord = (message: Decision, headers: Headers = {}): OutgoingRecord =>
  recordOf(TOPICS.decisions, message.cardToken, Decision.encode(message).finish(), headers);

export const driftRecord = (message: DriftDetected): OutgoingRecord =>
  recordOf(TOPICS.driftDetected, message.modelName, DriftDetected.encode(message).finish(), {});

function recordOf(topic: Topic, key: string, value: Uint8Array, headers: Headers): OutgoingRecord {
  return { topic: topic.name, key, value, headers: { [HEADERS.schema]: topic.schema, ...headers } };
}
