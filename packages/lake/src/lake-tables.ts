import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { BIGINT, INTEGER, TIMESTAMPTZ, VARCHAR } from "@duckdb/node-api";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ModelTrial } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  AppliedLabel,
  AppliedPaymentUpdate,
  Decision,
  DriftDetected,
  Erasure,
  FeatureVector,
  FraudReport,
  Label,
  PaymentUpdate,
  Transaction,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Topic, TopicName } from "@tripline/contracts/topics";
import { TABLES, TOPICS } from "@tripline/contracts/topics";
import type { ColumnKind } from "./column-kinds.js";
import {
  declinedBy,
  double,
  doubles,
  driftedColumns,
  flag,
  integer,
  listHits,
  long,
  longs,
  outcome,
  outcomes,
  reasons,
  reportKind,
  reportStage,
  rung,
  shadowHits,
  skippedRules,
  text,
  texts,
  trialRole,
  updateKind,
  verdict,
} from "./column-kinds.js";
import { TRANSACTION_KINDS } from "./generated/transaction-kinds.js";
import { dayOf } from "./lake-layout.js";

export interface LakeColumn {
  readonly name: string;
  readonly type: DuckDBType;
}

/** A message as a row. */
export interface DecodedRow {
  /** Time that determines the row's day; milliseconds since the epoch. */
  readonly eventTimeMs: number;
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string;
  /** The values of the table's own columns. Created on each call, since they take more memory than the message. */
  cells(): DuckDBValue[];
}

/** How to convert the records of a topic to rows. */
export interface LakeTable {
  readonly topic: Topic;
  /** The columns of the message. The columns of every topic, `RECORD_COLUMNS`, precede them. */
  readonly columns: readonly LakeColumn[];
  /** @throws TriplineError `message-unreadable`, with a message that starts with "it" */
  decode(value: Uint8Array): DecodedRow;
}

/** Metadata of the record in every row, before the columns of the message. */
export const RECORD_COLUMNS: readonly LakeColumn[] = [
  { name: "kafka_partition", type: INTEGER },
  { name: "kafka_offset", type: BIGINT },
  { name: "kafka_timestamp_ms", type: BIGINT },
  { name: "traceparent", type: VARCHAR },
  { name: "event_time", type: TIMESTAMPTZ },
];

/** A column, and how to get its value. */
interface FieldColumn<M> extends LakeColumn {
  cell(message: M): DuckDBValue;
}

/** Every field of the message with its kind; if a field is missing here, the code does not compile. */
type Kinds<M> = { readonly [K in keyof M]-?: ColumnKind<M[K]> };

const transaction = columnsOf<Transaction>(TRANSACTION_KINDS);

const label = columnsOf<Label>({
  labelId: text,
  tenant: text,
  clientTransactionId: text,
  cardToken: text,
  terminalId: text,
  occurredAtMs: long,
  labelledAtMs: long,
  fraud: flag,
  source: text,
  reportId: text,
  policyVersion: text,
  replacedAtMs: long,
});

const fraudReport = columnsOf<FraudReport>({
  reportId: text,
  tenant: text,
  transactionId: text,
  clientTransactionId: text,
  cardToken: text,
  terminalId: text,
  occurredAtMs: long,
  clientReportId: text,
  version: integer,
  kind: reportKind,
  stage: reportStage,
  withdrawn: flag,
  reasonCode: text,
  amountMinor: long,
  currency: text,
  reportedAtMs: long,
  acceptedAtMs: long,
  verdict,
  policyVersion: text,
  acquirerReference: text,
  authorisationCode: text,
  file: text,
  matchedBy: text,
});

const paymentUpdate = columnsOf<PaymentUpdate>({
  updateId: text,
  tenant: text,
  transactionId: text,
  clientTransactionId: text,
  cardToken: text,
  kind: updateKind,
  issuerCode: text,
  amountMinor: long,
  currency: text,
  updatedAtMs: long,
  acceptedAtMs: long,
  declinedBy,
  clientUpdateId: text,
});

const featureVector = columnsOf<Omit<FeatureVector, "transaction">>({
  specVersion: integer,
  values: doubles,
  computedAtMs: long,
  sequences: longs,
  tooLate: flag,
  incomplete: flag,
  profileTimesMs: longs,
});

/** Position of a label or a payment update among the events of its entities. */
const applied = columnsOf<Omit<AppliedPaymentUpdate, "update">>({
  specVersion: integer,
  sequences: longs,
  tooLate: flag,
  appliedAtMs: long,
  incomplete: flag,
  entityIds: texts,
});

const explained = columnsOf<Pick<AppliedLabel, "explained">>({ explained: flag });

const modelTrial = columnsOf<ModelTrial>({
  trialRole,
  candidateVersion: text,
  candidateScore: double,
  championScore: double,
  candidateMissing: text,
});

const decision = columnsOf<Omit<Decision, "trial">>({
  transactionId: text,
  tenant: text,
  clientTransactionId: text,
  cardToken: text,
  outcome,
  reasons,
  score: double,
  rung,
  degradedBecause: text,
  policyVersion: text,
  modelName: text,
  modelVersion: text,
  featureSpecVersion: integer,
  occurredAtMs: long,
  acceptedAtMs: long,
  decidedAtMs: long,
  wordingVersion: text,
  listHits,
  policyRevision: integer,
  shadowHits,
  spentBudgets: outcomes,
  skippedRules,
  explorationProbability: double,
});

const driftDetected = columnsOf<DriftDetected>({
  eventId: text,
  modelName: text,
  tenant: text,
  day: text,
  comparedFrom: text,
  comparedTo: text,
  rows: long,
  columns: driftedColumns,
  sentence: text,
  detectedAtMs: long,
});

const erasure = columnsOf<Erasure>({ tenant: text, subject: text, erasedAtMs: long });

/**
 * One table per topic; if a table is missing, the code does not compile. Erasures are archived too, so that later
 * computations can exclude erased data subjects, even after Redis has lost them.
 */
export const LAKE_TABLES: Readonly<Record<TopicName | "erasures", LakeTable>> = {
  transactions: tableOf({
    topic: TOPICS.transactions,
    message: Transaction,
    eventTimeMs: ({ occurredAtMs }) => occurredAtMs,
    columns: transaction,
  }),
  labels: tableOf({
    topic: TOPICS.labels,
    message: Label,
    eventTimeMs: ({ labelledAtMs }) => labelledAtMs,
    columns: label,
  }),
  fraudReports: tableOf({
    topic: TOPICS.fraudReports,
    message: FraudReport,
    eventTimeMs: ({ reportedAtMs }) => reportedAtMs,
    columns: fraudReport,
  }),
  paymentUpdates: tableOf({
    topic: TOPICS.paymentUpdates,
    message: PaymentUpdate,
    eventTimeMs: ({ updatedAtMs }) => updatedAtMs,
    columns: paymentUpdate,
  }),
  features: tableOf({
    topic: TOPICS.features,
    message: FeatureVector,
    eventTimeMs: (vector) => vector.transaction?.occurredAtMs,
    columns: [...within((vector: FeatureVector) => vector.transaction, transaction), ...featureVector],
  }),
  appliedLabels: tableOf({
    topic: TOPICS.appliedLabels,
    message: AppliedLabel,
    eventTimeMs: (message) => message.label?.labelledAtMs,
    columns: [...within((message: AppliedLabel) => message.label, label), ...applied, ...explained],
  }),
  appliedPaymentUpdates: tableOf({
    topic: TOPICS.appliedPaymentUpdates,
    message: AppliedPaymentUpdate,
    eventTimeMs: (message) => message.update?.updatedAtMs,
    columns: [...within((message: AppliedPaymentUpdate) => message.update, paymentUpdate), ...applied],
  }),
  decisions: tableOf({
    topic: TOPICS.decisions,
    message: Decision,
    eventTimeMs: ({ decidedAtMs }) => decidedAtMs,
    columns: [...decision, ...within(({ trial }: Decision) => trial, modelTrial)],
  }),
  driftDetected: tableOf({
    topic: TOPICS.driftDetected,
    message: DriftDetected,
    eventTimeMs: ({ detectedAtMs }) => detectedAtMs,
    columns: driftDetected,
  }),
  erasures: tableOf({
    topic: TABLES.erasures,
    message: Erasure,
    eventTimeMs: ({ erasedAtMs }) => erasedAtMs,
    columns: erasure,
  }),
};

/** The table of a topic, by the topic's name; undefined for a topic that is not archived. */
export function tableOfTopic(topic: string): LakeTable | undefined {
  return Object.values(LAKE_TABLES).find((table) => table.topic.name === topic);
}

function columnsOf<M>(kinds: Kinds<M>): FieldColumn<M>[] {
  const columns: FieldColumn<M>[] = [];
  for (const field in kinds) {
    const kind: ColumnKind<M[typeof field]> = kinds[field];
    columns.push({ name: snakeCase(field), type: kind.type, cell: (message) => kind.cell(message[field]) });
  }
  return columns;
}

/** The columns of a message nested in another one, under their own names. */
function within<Outer, Inner>(
  inner: (message: Outer) => Inner | undefined,
  columns: readonly FieldColumn<Inner>[],
): FieldColumn<Outer>[] {
  return columns.map(({ name, type, cell }) => ({
    name,
    type,
    cell(message) {
      const found = inner(message);
      return found === undefined ? null : cell(found);
    },
  }));
}

interface TableDefinition<M> {
  readonly topic: Topic;
  readonly message: { decode(bytes: Uint8Array): M };
  /** Undefined if the message lacks the part that contains the field. */
  eventTimeMs(message: M): number | undefined;
  readonly columns: readonly FieldColumn<M>[];
}

function tableOf<M>({ topic, message, eventTimeMs, columns }: TableDefinition<M>): LakeTable {
  return {
    topic,
    columns: columns.map(({ name, type }) => ({ name, type })),
    decode(value) {
      const decoded = decode(message, value);
      const timeMs = eventTimeMs(decoded) ?? 0;
      const day = dayOf(timeMs);
      if (day === undefined) throw unreadable(`its event time is missing or invalid (${timeMs} ms)`);
      return { eventTimeMs: timeMs, day, cells: () => columns.map((column) => column.cell(decoded)) };
    },
  };
}

function decode<M>(message: { decode(bytes: Uint8Array): M }, value: Uint8Array): M {
  try {
    return message.decode(value);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(`it is not the protobuf message of its topic (${reason})`, cause);
  }
}

function unreadable(why: string, cause?: unknown): TriplineError {
  return new TriplineError("message-unreadable", why, [], { cause });
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
