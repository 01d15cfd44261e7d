import { TriplineError } from "@tripline/contracts/error-table";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  Decision,
  FeatureVector,
  FraudReport,
  Label,
  PaymentUpdate,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  CARD_TOKEN_PATTERN,
  IDENTIFIER_PATTERN,
  TRANSACTION_ID_PATTERN,
  transactionId,
} from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { IncomingRecord, RecordBatch } from "@tripline/kafka/port";
import { isRemote, schemeOf } from "../dispute-ratios/card-scheme.js";
import type { VALUE_FIELDS } from "../entities/searched-kinds.js";

export interface ReadPayment extends Pick<Transaction, (typeof VALUE_FIELDS)[number]["key"]> {
  readonly transactionId: string;
  readonly tenant: string;
  readonly clientTransactionId: string;
  readonly cardToken: string;
  /** Empty if it was not sent, like the tokens. */
  readonly terminalId: string;
  readonly deviceToken: string;
  readonly ipToken: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly occurredAtMs: number;
  readonly authorisationCode: string;
  readonly acquirerReference: string;
  /** Empty if it is not known. */
  readonly cardScheme: string;
  /** False if the card was presented. */
  readonly isRemote: boolean;
  readonly cardCountry: string;
  readonly record: Buffer;
}

export interface ReadDecision {
  readonly decision: Decision;
  readonly record: Buffer;
}

export interface ReadLabel extends Label {
  readonly transactionId: string;
}

/** The content of a round of records: at most one of each kind per payment, but every fraud report. */
export interface ReadRecords {
  readonly payments: readonly ReadPayment[];
  readonly decisions: readonly ReadDecision[];
  readonly labels: readonly ReadLabel[];
  readonly updates: readonly PaymentUpdate[];
  readonly reports: readonly FraudReport[];
  /** Reports for which no payment was found. */
  readonly unmatched: readonly FraudReport[];
}

const UPDATE_ID_PATTERN = /^upd_[0-9a-f]{32}$/;
const REPORT_ID_PATTERN = /^rpt_[0-9a-f]{32}$/;
const TENANT_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** @throws TriplineError `message-unreadable` for a record that does not match its topic's schema */
export function readRecords(batches: readonly RecordBatch[]): ReadRecords {
  // For labels, the newest record counts; for all other kinds, the first.
  const payments = new Map<string, ReadPayment>();
  const decisions = new Map<string, ReadDecision>();
  const labels = new Map<string, ReadLabel>();
  const updates = new Map<string, PaymentUpdate>();
  const reports: FraudReport[] = [];
  const unmatched: FraudReport[] = [];
  for (const record of batches.flatMap(({ records }) => records)) {
    if (record.topic === TOPICS.features.name) {
      const payment = decode(record, readPayment);
      if (!payments.has(payment.transactionId)) payments.set(payment.transactionId, payment);
    } else if (record.topic === TOPICS.decisions.name) {
      const read = decode(record, readDecision);
      const id = read.decision.transactionId;
      if (!decisions.has(id)) decisions.set(id, read);
    } else if (record.topic === TOPICS.paymentUpdates.name) {
      const update = decode(record, readUpdate);
      if (!updates.has(update.updateId)) updates.set(update.updateId, update);
    } else if (record.topic === TOPICS.fraudReports.name) {
      // Repeated versions are kept, because their content may differ.
      const report = decode(record, readReport);
      (report.transactionId === "" ? unmatched : reports).push(report);
    } else {
      const label = decode(record, readLabel);
      const before = labels.get(label.transactionId);
      if (before === undefined || before.labelledAtMs <= label.labelledAtMs) labels.set(label.transactionId, label);
    }
  }
  return {
    payments: [...payments.values()],
    decisions: [...decisions.values()],
    labels: [...labels.values()],
    updates: [...updates.values()],
    reports,
    unmatched,
  };
}

function readPayment(record: Buffer): ReadPayment | undefined {
  const { transaction } = FeatureVector.decode(record);
  if (transaction === undefined || !isPlaced(transaction)) return undefined;
  const { terminalId } = transaction;
  if (terminalId !== "" && !IDENTIFIER_PATTERN.test(terminalId)) return undefined;
  return { ...transaction, cardScheme: schemeOf(transaction), isRemote: isRemote(transaction), record };
}

function readDecision(record: Buffer): ReadDecision | undefined {
  const decision = Decision.decode(record);
  return isPlaced(decision) ? { decision, record } : undefined;
}

function readLabel(record: Buffer): ReadLabel | undefined {
  const label = Label.decode(record);
  const id = transactionId(label.tenant, label.clientTransactionId);
  return isPlaced({ ...label, transactionId: id }) ? { ...label, transactionId: id } : undefined;
}

function readUpdate(record: Buffer): PaymentUpdate | undefined {
  const update = PaymentUpdate.decode(record);
  return isPlaced(update) && UPDATE_ID_PATTERN.test(update.updateId) ? update : undefined;
}

function readReport(record: Buffer): FraudReport | undefined {
  const report = FraudReport.decode(record);
  if (!REPORT_ID_PATTERN.test(report.reportId)) return undefined;
  return (report.transactionId === "" ? isSearchable(report) : isPlaced(report)) ? report : undefined;
}

function isSearchable({ tenant, cardToken, clientReportId }: FraudReport): boolean {
  const isCard = cardToken === "" || CARD_TOKEN_PATTERN.test(cardToken);
  return isCard && TENANT_PATTERN.test(tenant) && IDENTIFIER_PATTERN.test(clientReportId);
}

/** Whether the IDs are valid. One invalid record would otherwise make the whole transaction fail. */
function isPlaced(one: {
  readonly transactionId: string;
  readonly tenant: string;
  readonly cardToken: string;
  readonly clientTransactionId: string;
}): boolean {
  return (
    TRANSACTION_ID_PATTERN.test(one.transactionId) &&
    TENANT_PATTERN.test(one.tenant) &&
    CARD_TOKEN_PATTERN.test(one.cardToken) &&
    IDENTIFIER_PATTERN.test(one.clientTransactionId)
  );
}

function decode<T>(record: IncomingRecord, read: (value: Buffer) => T | undefined): T {
  let found: T | undefined;
  let cause: unknown;
  try {
    found = read(record.value);
  } catch (error) {
    cause = error;
  }
  if (found !== undefined) return found;
  const place = `${record.topic}, partition ${record.partition}, offset ${record.offset}`;
  throw new TriplineError("message-unreadable", `The record at ${place} does not match the topic's schema.`, [], {
    cause,
  });
}
