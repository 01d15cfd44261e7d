import type { Context } from "@opentelemetry/api";
import { SpanKind } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { Score } from "@tripline/decision-engine/decide-payment";
import { decide, whyUnusable } from "@tripline/decision-engine/decide-payment";
import type { Policy } from "@tripline/decision-engine/policy";
import type { EventProducer, RecordBatch } from "@tripline/kafka/port";
import type { Logger } from "@tripline/service-kit/logger";
import { headersFromContext, withSpans } from "@tripline/service-kit/tracing";
import type { DecisionMetrics } from "./decision-metrics.js";
import type { DecisionStore } from "./decision-store.js";
import type { Payment } from "./parse-payment.js";
import { parsePayment } from "./parse-payment.js";
import type { Scorer } from "./score-batch.js";
import { scoreBudgetMs } from "./score-budget.js";

export interface BatchDeciderOptions {
  readonly store: DecisionStore;
  readonly scorer: Scorer;
  readonly producer: EventProducer;
  /** The policy in force; looked at once per batch. */
  readonly policy: () => Policy;
  readonly scoringWaitMsMax: number;
  readonly metrics: DecisionMetrics;
  readonly logger: Logger;
}

/** A payment of the batch with the contexts of its span here. */
interface Work {
  readonly payment: Payment;
  readonly trace: Context;
}

const CLIENT = { kind: SpanKind.CLIENT } as const;
const PRODUCER = {
  kind: SpanKind.PRODUCER,
  attributes: { "messaging.system": "kafka", "messaging.destination.name": TOPICS.decisions.name },
} as const;
const CONSUMER = {
  kind: SpanKind.CONSUMER,
  attributes: { "messaging.system": "kafka", "messaging.destination.name": TOPICS.features.name },
} as const;

/**
 * Decides the payments of a batch. The first decision of a payment stands: it is kept in Redis before it is told to
 * anybody, so that a crash at any point, and the same batch once more, tells the same.
 */
export class BatchDecider {
  readonly #options: BatchDeciderOptions;

  constructor(options: BatchDeciderOptions) {
    this.#options = options;
  }

  /**
   * @throws TriplineError `message-unreadable` before anything was done; `redis-unavailable`, `kafka-unavailable` when
   *   the batch has to come again; `state-unreadable` for a stored value that is no decision
   */
  async handle(batch: RecordBatch): Promise<void> {
    const payments = batch.records.map(parsePayment);
    const traces = payments.map((payment) => payment.trace);
    await withSpans(traces, "features process", CONSUMER, async (contexts) => {
      const works = payments.map((payment, index) => ({ payment, trace: itemAt(contexts, index) }));
      const decisions = await this.#standing(works);
      await this.#publish(works, decisions);
      await this.#reply(payments, decisions);
    });
  }

  /** The decision that stands for each payment, made now where there was none. */
  async #standing(works: readonly Work[]): Promise<Uint8Array[]> {
    const { store, metrics } = this.#options;
    const ids = works.map((work) => work.payment.transaction.transactionId);
    const traces = works.map((work) => work.trace);
    const known = await withSpans(traces, "redis read", CLIENT, () => store.read(ids));
    const open = works.filter((_, index) => known[index] === undefined);
    metrics.repeated(works.length - open.length);
    if (open.length === 0) return works.map((_, index) => itemAt(known, index));
    const made = await this.#decide(open);
    const kept = await this.#keep(open, made);
    const keptOf = new Map(open.map((work, index) => [work, itemAt(kept, index)]));
    return works.map((work, index) => keptOf.get(work) ?? itemAt(known, index));
  }

  async #decide(open: readonly Work[]): Promise<Decision[]> {
    const policy = this.#options.policy();
    const scores = await this.#score(open, policy);
    const decidedAtMs = Date.now();
    return open.map(({ payment }) => {
      const { transaction, features } = payment;
      // A payment that was not sent to the model is one whose features are no use to the rules either.
      const score = scores.get(payment) ?? { missing: "the features cannot be used" };
      return decide(policy, { transaction, features, score, decidedAtMs });
    });
  }

  /** Scores of those payments whose features fit the policy's spec, in one request. */
  async #score(open: readonly Work[], policy: Policy): Promise<ReadonlyMap<Payment, Score>> {
    const usable = open.filter(({ payment }) => whyUnusable(policy, payment.features) === undefined);
    if (usable.length === 0) return new Map();
    const budgetMs = scoreBudgetMs(
      open.map(({ payment }) => payment.deadlineMs),
      { waitMsMax: this.#options.scoringWaitMsMax, nowMs: Date.now() },
    );
    const traces = usable.map((work) => work.trace);
    const rows = usable.map(({ payment }) => payment.features.values);
    const scores = await withSpans(traces, "score", CLIENT, (contexts) =>
      this.#options.scorer.score(rows, contexts, budgetMs),
    );
    return new Map(usable.map(({ payment }, index) => [payment, itemAt(scores, index)]));
  }

  async #keep(open: readonly Work[], made: readonly Decision[]): Promise<Uint8Array[]> {
    const { store, metrics } = this.#options;
    const traces = open.map((work) => work.trace);
    const entries = made.map((decision) => ({
      transactionId: decision.transactionId,
      bytes: Decision.encode(decision).finish(),
    }));
    const kept = await withSpans(traces, "redis set", CLIENT, () => store.keepFirst(entries));
    made.forEach((decision, index) => {
      if (kept[index] === entries[index]?.bytes) metrics.decided(decision);
      else metrics.repeated(1);
    });
    return kept;
  }

  async #publish(works: readonly Work[], decisions: readonly Uint8Array[]): Promise<void> {
    const traces = works.map((work) => work.trace);
    await withSpans(traces, "decisions publish", PRODUCER, (contexts) =>
      this.#options.producer.send(
        works.map(({ payment }, index) => ({
          topic: TOPICS.decisions.name,
          key: payment.key,
          value: itemAt(decisions, index),
          headers: {
            [HEADERS.schema]: TOPICS.decisions.schema,
            [HEADERS.tenant]: payment.transaction.tenant,
            ...headersFromContext(itemAt(contexts, index)),
          },
        })),
      ),
    );
  }

  /** Best effort: a caller whose reply is lost fetches the decision, which stands; deciding again would not help it. */
  async #reply(payments: readonly Payment[], decisions: readonly Uint8Array[]): Promise<void> {
    const replies = payments.flatMap((payment, index) => {
      const bytes = itemAt(decisions, index);
      return payment.replyTo === undefined ? [] : [{ channel: payment.replyTo, bytes }];
    });
    if (replies.length === 0) return;
    try {
      await this.#options.store.reply(replies);
    } catch (error) {
      this.#options.metrics.repliesLost(replies.length);
      this.#options.logger.warn({ err: error, count: replies.length }, "replies could not be given");
    }
  }
}

/** The lists of a batch run in step; where one is short, nothing may be told to anybody. */
function itemAt<T>(items: readonly (T | undefined)[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new TriplineError("internal", `Nothing stands for payment ${index} of the batch.`);
  return item;
}
