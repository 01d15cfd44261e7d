import { TRANSACTION_CLASSES } from "./generated/payment-fields.js";
import type {
  AppliedLabel,
  AppliedPaymentUpdate,
  AuditEvent,
  AuthEvent,
  CaseEvent,
  Decision,
  DriftDetected,
  Erasure,
  FeatureVector,
  FraudReport,
  Label,
  ListEntry,
  PaymentUpdate,
  PolicyActivation,
  Rollout,
  SubjectKey,
  Transaction,
} from "./generated/tripline/events/v1/events.js";
import type { Topic } from "./topics.js";

/**
 * The data class of a field is the first of these that applies.
 *
 * - `card`: a card token or a BIN
 * - `personal`: identifies a person or is contact data, either as a token or sealed
 * - `behavioural`: what a person did, or an assessment of that
 * - `none`: none of the above
 */
export type DataClass = "card" | "personal" | "behavioural" | "none";

export const DATA_CLASS_ORDER: readonly DataClass[] = ["card", "personal", "behavioural", "none"];

/** The class of every field of the message. If a field is missing here, the code does not compile. */
type Classes<M> = { readonly [K in keyof M]-?: DataClass };

const [card, personal, behavioural, none] = ["card", "personal", "behavioural", "none"] as const;

const label: Classes<Label> = {
  labelId: behavioural,
  tenant: none,
  clientTransactionId: behavioural,
  cardToken: card,
  terminalId: behavioural,
  occurredAtMs: behavioural,
  labelledAtMs: behavioural,
  fraud: behavioural,
  source: none,
  reportId: behavioural,
  policyVersion: none,
  replacedAtMs: behavioural,
};

const fraudReport: Classes<FraudReport> = {
  reportId: behavioural,
  tenant: none,
  transactionId: behavioural,
  clientTransactionId: behavioural,
  cardToken: card,
  terminalId: behavioural,
  occurredAtMs: behavioural,
  clientReportId: behavioural,
  version: none,
  kind: behavioural,
  stage: behavioural,
  withdrawn: behavioural,
  reasonCode: behavioural,
  amountMinor: behavioural,
  currency: behavioural,
  reportedAtMs: behavioural,
  acceptedAtMs: behavioural,
  verdict: behavioural,
  policyVersion: none,
  acquirerReference: behavioural,
  authorisationCode: behavioural,
  file: none,
  matchedBy: none,
};

const paymentUpdate: Classes<PaymentUpdate> = {
  updateId: behavioural,
  tenant: none,
  transactionId: behavioural,
  clientTransactionId: behavioural,
  cardToken: card,
  kind: behavioural,
  issuerCode: behavioural,
  amountMinor: behavioural,
  currency: behavioural,
  updatedAtMs: behavioural,
  acceptedAtMs: behavioural,
  declinedBy: behavioural,
  clientUpdateId: behavioural,
};

const decision: Classes<Decision> = {
  transactionId: behavioural,
  tenant: none,
  clientTransactionId: behavioural,
  cardToken: card,
  outcome: behavioural,
  reasons: behavioural,
  score: behavioural,
  rung: none,
  degradedBecause: none,
  policyVersion: none,
  modelName: none,
  modelVersion: none,
  featureSpecVersion: none,
  occurredAtMs: behavioural,
  acceptedAtMs: behavioural,
  decidedAtMs: behavioural,
  wordingVersion: none,
  listHits: behavioural,
  policyRevision: none,
  shadowHits: behavioural,
  skippedRules: none,
  trial: behavioural,
  spentBudgets: none,
  explorationProbability: none,
};

const subjectKey: Classes<SubjectKey> = {
  tenant: none,
  cardToken: card,
  emailToken: personal,
  keyId: personal,
  wrapped: personal,
  wrappedEnvelope: none,
  masterKey: none,
  createdAtMs: behavioural,
  otherTokens: personal,
};

const listEntry: Classes<ListEntry> = {
  tenant: none,
  list: none,
  kind: none,
  value: personal,
  effect: behavioural,
  reason: behavioural,
  author: personal,
  createdAtMs: none,
  expiresAtMs: none,
};

const auditEvent: Classes<AuditEvent> = {
  eventId: none,
  tenant: none,
  actor: personal,
  actorKind: none,
  action: behavioural,
  subjectKind: none,
  subjectId: personal,
  details: behavioural,
  atMs: behavioural,
  source: none,
};

const change = { author: personal, note: none };

/** By message name, without the package. */
export const DATA_CLASSES: Readonly<Record<string, Readonly<Record<string, DataClass>>>> = {
  Transaction: TRANSACTION_CLASSES satisfies Classes<Transaction>,
  Label: label,
  FraudReport: fraudReport,
  FeatureVector: {
    transaction: card,
    specVersion: none,
    values: behavioural,
    computedAtMs: behavioural,
    sequences: behavioural,
    tooLate: none,
    incomplete: none,
    profileTimesMs: behavioural,
  } satisfies Classes<FeatureVector>,
  AppliedLabel: {
    label: card,
    specVersion: none,
    sequences: behavioural,
    tooLate: none,
    appliedAtMs: behavioural,
    incomplete: none,
    entityIds: personal,
    explained: behavioural,
  } satisfies Classes<AppliedLabel>,
  PaymentUpdate: paymentUpdate,
  AppliedPaymentUpdate: {
    update: card,
    specVersion: none,
    sequences: behavioural,
    tooLate: none,
    appliedAtMs: behavioural,
    incomplete: none,
    entityIds: personal,
  } satisfies Classes<AppliedPaymentUpdate>,
  Decision: decision,
  SubjectKey: subjectKey,
  Erasure: { tenant: none, subject: card, erasedAtMs: personal } satisfies Classes<Erasure>,
  ListEntry: listEntry,
  AuditEvent: auditEvent,
  CaseEvent: {
    eventId: none,
    tenant: none,
    caseId: behavioural,
    kind: behavioural,
    revision: none,
    atMs: behavioural,
    assigneeId: personal,
    verdict: behavioural,
    payments: behavioural,
  } satisfies Classes<CaseEvent>,
  AuthEvent: {
    subject: personal,
    kind: none,
    tenant: none,
    disabled: none,
    notBeforeMs: none,
    changedAtMs: none,
  } satisfies Classes<AuthEvent>,
  PolicyActivation: {
    tenant: none,
    activation: none,
    revision: none,
    text: none,
    sha256: none,
    activatesAtMs: none,
    createdAtMs: none,
    switchedOffRules: none,
    ...change,
  } satisfies Classes<PolicyActivation>,
  Rollout: {
    rolloutId: none,
    modelName: none,
    stage: none,
    candidateVersion: none,
    championVersion: none,
    canaryBasisPoints: none,
    shadowBasisPoints: none,
    revision: none,
    startedAtMs: none,
    changedAtMs: none,
    changedBy: personal,
    why: none,
  } satisfies Classes<Rollout>,
  DriftDetected: {
    eventId: none,
    modelName: none,
    tenant: none,
    day: none,
    comparedFrom: none,
    comparedTo: none,
    rows: none,
    columns: none,
    sentence: none,
    detectedAtMs: none,
  } satisfies Classes<DriftDetected>,
};

/** Classes of the fields of a topic's message, the most sensitive first. */
export function classesOf({ schema }: Pick<Topic, "schema">): readonly DataClass[] {
  const found = new Set(Object.values(DATA_CLASSES[schema.slice(schema.lastIndexOf(".") + 1)] ?? {}));
  return DATA_CLASS_ORDER.filter((one) => found.has(one));
}
