import { Decision, Label, Outcome, Rung, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { decisionKey, REPLY_DECISION, REPLY_LABEL_APPLIED } from "@tripline/contracts/redis-keys";
import type { EventConsumer, IncomingRecord, Kafka } from "@tripline/kafka/port";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { keyGroupsOf } from "@tripline/stores/redis/connect-cluster";

/** The decision on a payment in tests. */
export function decisionFor(payment: Transaction, changes: Partial<Decision> = {}): Decision {
  return {
    transactionId: payment.transactionId,
    tenant: payment.tenant,
    clientTransactionId: payment.clientTransactionId,
    cardToken: payment.cardToken,
    outcome: Outcome.REVIEW,
    reasons: [
      {
        code: "AMOUNT_FAR_ABOVE_OWN_MEAN",
        text: "The amount is far above the card's average.",
        outcome: Outcome.REVIEW,
      },
    ],
    score: 0.25,
    rung: Rung.MODEL,
    degradedBecause: "",
    policyVersion: "7",
    modelName: "fraud",
    modelVersion: "0123456789ab",
    featureSpecVersion: 1,
    occurredAtMs: payment.occurredAtMs,
    acceptedAtMs: payment.acceptedAtMs,
    decidedAtMs: payment.acceptedAtMs + 5,
    wordingVersion: "w1",
    listHits: [],
    policyRevision: 7,
    shadowHits: [],
    spentBudgets: [],
    skippedRules: [],
    ...changes,
  };
}

/** Stores a decision as the decisions service does. If there already is one, keeps and returns it. */
export async function storeDecision(redis: RedisConnection, decision: Decision): Promise<Decision> {
  const key = decisionKey(decision.transactionId, keyGroupsOf(redis));
  if ((await redis.set(key, Buffer.from(Decision.encode(decision).finish()), "NX")) !== null) return decision;
  const first = await redis.getBuffer(key);
  return first === null ? decision : Decision.decode(first);
}

/** Sends a decision to an instance as the decisions service does. */
export async function replyDecision(redis: RedisConnection, channel: string, decision: Decision): Promise<void> {
  const bytes = Decision.encode(decision).finish();
  await redis.publish(channel, Buffer.concat([Buffer.from([REPLY_DECISION]), bytes]));
}

/** Replaces everything behind ingestion: decides payments and applies labels as soon as they arrive. */
export class TestDecider {
  readonly payments: IncomingRecord[] = [];
  readonly labels: IncomingRecord[] = [];
  readonly updates: IncomingRecord[] = [];
  readonly reports: IncomingRecord[] = [];
  /** While set, records are consumed but get no result. */
  isSilent = false;
  /** Overrides fields of the decisions from `decisionFor`. */
  changes: Partial<Decision> = {};
  #consumer: EventConsumer | undefined;

  constructor(
    private readonly kafka: Kafka,
    private readonly redis: RedisConnection,
  ) {}

  async start(): Promise<void> {
    this.#consumer = await this.kafka.consume({
      group: "test-decider",
      topics: ["transactions", "labels", "payment-updates", "fraud-reports"],
      handle: async (batches) => {
        const records = batches.flatMap((batch) => batch.records);
        await Promise.all(records.map((record) => this.#handle(record)));
      },
      onStop: (error) => {
        throw error;
      },
    });
    await this.#consumer.ready;
  }

  async close(): Promise<void> {
    await this.#consumer?.close();
  }

  async #handle(record: IncomingRecord): Promise<void> {
    if (record.topic === "payment-updates") this.updates.push(record);
    else if (record.topic === "fraud-reports") this.reports.push(record);
    else await (record.topic === "labels" ? this.apply(record) : this.decide(record));
  }

  private async decide(record: IncomingRecord): Promise<void> {
    this.payments.push(record);
    if (this.isSilent) return;
    const decision = await storeDecision(this.redis, decisionFor(Transaction.decode(record.value), this.changes));
    const channel = record.headers[HEADERS.replyTo];
    if (channel !== undefined) await replyDecision(this.redis, channel, decision);
  }

  private async apply(record: IncomingRecord): Promise<void> {
    this.labels.push(record);
    const channel = record.headers[HEADERS.replyTo];
    if (this.isSilent || channel === undefined) return;
    const { labelId } = Label.decode(record.value);
    await this.redis.publish(channel, Buffer.concat([Buffer.from([REPLY_LABEL_APPLIED]), Buffer.from(labelId)]));
  }
}
