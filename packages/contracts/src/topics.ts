/** Tripline's Kafka topics. Topics are created and documented from this table. */

export interface Topic {
  readonly name: string;
  /** Protobuf message carried as the value. */
  readonly schema: string;
  readonly key: string;
  /** Default for one machine. If it is above 1, an installation can choose another number before its first payment. */
  readonly partitions: number;
  /**
   * Retention in days. Absent for a compacted topic (`cleanup.policy=compact`): Kafka keeps only the newest record of
   * each key, indefinitely; a record without a value deletes its key.
   */
  readonly retentionDays?: number;
  readonly writtenBy: string;
  readonly readBy: readonly string[];
  readonly purpose: string;
}

/** For new installations. Each instance of a consuming service needs at least one partition. */
export const PARTITIONS_DEFAULT = 24;

/** For the demo, tests and Compose, which run one instance of each service. */
const WIDTH = 6;

const mainTopics = {
  transactions: {
    name: "transactions",
    schema: "tripline.events.v1.Transaction",
    key: "card token",
    partitions: WIDTH,
    retentionDays: 7,
    writtenBy: "ingestion",
    readBy: ["features", "archive", "control"],
    purpose: "Accepted card payments",
  },
  labels: {
    name: "labels",
    schema: "tripline.events.v1.Label",
    key: "card token",
    partitions: WIDTH,
    retentionDays: 90,
    writtenBy: "ingestion, console",
    readBy: ["features", "archive", "control", "console"],
    purpose: "Verdict on a payment: fraud or genuine",
  },
  fraudReports: {
    name: "fraud-reports",
    schema: "tripline.events.v1.FraudReport",
    key: "card token; report id without a card",
    partitions: WIDTH,
    retentionDays: 90,
    writtenBy: "ingestion, console",
    readBy: ["archive", "console", "control"],
    purpose: "Chargebacks, issuers' reports of fraud and other reports, from which the console derives labels",
  },
  paymentUpdates: {
    name: "payment-updates",
    schema: "tripline.events.v1.PaymentUpdate",
    key: "card token",
    partitions: WIDTH,
    retentionDays: 90,
    writtenBy: "ingestion, decisions",
    readBy: ["features", "archive", "console"],
    purpose: "What happened to a payment after it was accepted",
  },
  features: {
    name: "features",
    schema: "tripline.events.v1.FeatureVector",
    key: "card token",
    partitions: WIDTH,
    retentionDays: 7,
    writtenBy: "features",
    readBy: ["decisions", "archive", "console"],
    purpose: "Payments with their feature vectors: the training log",
  },
  appliedLabels: {
    name: "applied-labels",
    schema: "tripline.events.v1.AppliedLabel",
    key: "card token",
    partitions: WIDTH,
    retentionDays: 90,
    writtenBy: "features",
    readBy: ["archive"],
    purpose: "Labels with their position in the order of events, from which features can be recomputed",
  },
  appliedPaymentUpdates: {
    name: "applied-payment-updates",
    schema: "tripline.events.v1.AppliedPaymentUpdate",
    key: "card token",
    partitions: WIDTH,
    retentionDays: 90,
    writtenBy: "features",
    readBy: ["archive"],
    purpose: "Payment updates with their position in the order of events, from which features can be recomputed",
  },
  decisions: {
    name: "decisions",
    schema: "tripline.events.v1.Decision",
    key: "card token",
    partitions: WIDTH,
    retentionDays: 90,
    writtenBy: "decisions",
    readBy: ["archive", "control", "console", "your own consumers"],
    purpose: "Decisions with their reasons",
  },
  driftDetected: {
    name: "drift-detected",
    schema: "tripline.events.v1.DriftDetected",
    key: "model name",
    partitions: 1,
    retentionDays: 90,
    writtenBy: "training",
    readBy: ["training", "archive", "control", "console"],
    purpose: "Days with model drift, which trigger retraining",
  },
} as const satisfies Record<string, Topic>;

/**
 * Changes by operators, which services follow in memory (`Kafka.follow`). There is one partition, so that the order is
 * unambiguous.
 */
const tables = {
  policies: {
    name: "policies",
    schema: "tripline.events.v1.PolicyActivation",
    key: "tenant and activation",
    partitions: 1,
    writtenBy: "control",
    readBy: ["decisions"],
    purpose: "Activations: the policy revision of a tenant, and when it takes effect",
  },
  lists: {
    name: "lists",
    schema: "tripline.events.v1.ListEntry",
    key: "tenant, list, kind and value",
    partitions: 1,
    writtenBy: "control",
    readBy: ["decisions"],
    purpose: "Entries of the allow, deny and watch lists",
  },
  rollouts: {
    name: "rollouts",
    schema: "tripline.events.v1.Rollout",
    key: "model name",
    partitions: 1,
    writtenBy: "control",
    readBy: ["decisions"],
    purpose: "Rollouts: the share of cards that a new model version scores",
  },
  authEvents: {
    name: "auth-events",
    schema: "tripline.events.v1.AuthEvent",
    key: "`client/` or `person/` and the id",
    partitions: 1,
    writtenBy: "auth",
    readBy: ["ingestion", "features", "control", "console"],
    purpose: "Clients and users whose access tokens are revoked",
  },
  erasures: {
    name: "erasures",
    schema: "tripline.events.v1.Erasure",
    key: "tenant and subject",
    partitions: 1,
    writtenBy: "control",
    readBy: ["ingestion", "features", "archive", "control", "console", "snapshots"],
    purpose: "Cards, e-mail addresses and accounts whose personal data were erased",
  },
} as const satisfies Record<string, Topic>;

/**
 * Audit events, which the control plane stores and which are not archived in the lake. There is one partition, so that
 * a tenant's events keep their order.
 */
export const AUDIT_TOPIC: Topic = {
  name: "audit",
  schema: "tripline.events.v1.AuditEvent",
  key: "tenant",
  partitions: 1,
  retentionDays: 90,
  writtenBy: "auth, control, console",
  readBy: ["control"],
  purpose: "Actions and view events, on their way to the audit log",
};

/** Changes to cases, for webhooks. They refer to cases by ID and are not archived in the lake. */
export const CASE_EVENTS_TOPIC: Topic = {
  name: "case-events",
  schema: "tripline.events.v1.CaseEvent",
  key: "case ID",
  partitions: WIDTH,
  retentionDays: 7,
  writtenBy: "console",
  readBy: ["control"],
  purpose: "Cases that were opened, assigned, unassigned, closed or reopened",
};

/** Data keys. Only the control plane may store them, so their retention is short and they are not archived. */
export const SUBJECT_KEYS_TOPIC: Topic = {
  name: "subject-keys",
  schema: "tripline.events.v1.SubjectKey",
  key: "card token",
  partitions: 1,
  retentionDays: 1,
  writtenBy: "ingestion",
  readBy: ["control"],
  purpose: "Wrapped data keys of personal fields, on their way to control",
};

export type TopicName = keyof typeof mainTopics;

/** Dead letter topic of `topic`. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dlq`;
}

export function isDeadLetterTopic(name: string): boolean {
  return name.endsWith(deadLetterTopic(""));
}

/**
 * Whether dead letters of a topic can be redriven. Those from a compacted topic cannot, because they would overwrite
 * newer values.
 */
export function takesBack({ name, retentionDays }: Topic): boolean {
  return retentionDays !== undefined && !isDeadLetterTopic(name);
}

function deadLettersOf(topic: Topic): Topic {
  return {
    ...topic,
    name: deadLetterTopic(topic.name),
    partitions: 1,
    // A key must not be kept longer just because it is in a dead letter.
    retentionDays: topic === SUBJECT_KEYS_TOPIC ? 1 : 90,
    writtenBy: topic.readBy.join(", "),
    // Control shows dead letters to users, who can redrive them.
    readBy: ["control"],
    purpose: `Records of \`${topic.name}\` that could not be processed, with the error in their headers`,
  };
}

export const TOPICS: Readonly<Record<TopicName, Topic & { readonly retentionDays: number }>> = mainTopics;

export const TABLES: Readonly<Record<keyof typeof tables, Topic>> = tables;

/** Every topic with its dead letter topic, in the order in which payments pass through them. */
export const ALL_TOPICS: readonly Topic[] = [
  ...Object.values({ ...mainTopics, ...tables }),
  AUDIT_TOPIC,
  CASE_EVENTS_TOPIC,
  SUBJECT_KEYS_TOPIC,
].flatMap((topic: Topic) => [topic, deadLettersOf(topic)]);
