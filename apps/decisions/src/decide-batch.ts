import type { Context } from "@opentelemetry/api";
import { SpanKind } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { Score } from "@tripline/decision-engine/decide-payment";
import { decide, whyUnusable } from "@tripline/decision-engine/decide-payment";
import { wantsContributions, withContributions } from "@tripline/decision-engine/explain-decision";
import type { Policy } from "@tripline/decision-engine/policy";
import type { EventProducer, RecordBatch } from "@tripline/kafka/port";
import type { Logger } from "@tripline/service-kit/logger";
import { headersFromContext, withSpans } from "@tripline/service-kit/tracing";
import type { DecisionMetrics } from "./decision-metrics.js";
import type { DecisionStore } from "./decision-store.js";
import type { Explainer } from "./explain-batch.js";
import type { Payment } from "./parse-payment.js";
import { parsePayment } from "./parse-payment.js";
import type { Scorer } from "./score-batch.js";
import { explanationBudgetMs, scoreBudgetMs } from "./score-budget.js";

export interface BatchDeciderOptions {
  readonly store: DecisionStore;
  readonly scorer: Scorer;
  readonly producer: EventProducer;
  /** The policy in force; looked at once per batch. */
  readonly policy: () => Policy;
  readonly explainer: Explainer;
  readonly scoringWaitMsMax: number;
  readonly contributionsWaitMsMax: number;
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
    const decisions = open.map(({ payment }) => {
      const { transaction, features } = payment;
      // A payment that was not sent to the model is one whose features are no use to the rules either.
      const score = scores.get(payment) ?? { missing: "the features cannot be used" };
      return decide(policy, { transaction, features, score, decidedAtMs });
    });
    return this.#explain(open, decisions, policy);
  }

  /** Adds what raised the score to decisions that are not to approve, where it is found out in time. */
  async #explain(open: readonly Work[], decisions: readonly Decision[], policy: Policy): Promise<Decision[]> {
    const { explainer, contributionsWaitMsMax: waitMsMax } = this.#options;
    const wanted = decisions.flatMap((decision, index) => (wantsContributions(decision) ? [index] : []));
    if (wanted.length === 0) return [...decisions];
    const deadlines = open.map(({ payment }) => payment.deadlineMs);
    const budgetMs = explanationBudgetMs(deadlines, { waitMsMax, nowMs: Date.now() });
    const rows = wanted.map((index) => itemAt(open, index).payment.features.values);
    const traces = wanted.map((index) => itemAt(open, index).trace);
    // All scores of a batch come in one answer, so they are of one version.
    const { modelVersion } = itemAt(decisions, itemAt(wanted, 0));
    const found = await withSpans(traces, "explain", CLIENT, (contexts) =>
      explainer.explain(rows, modelVersion, contexts, budgetMs),
    );
    if (found === undefined) return [...decisions];
    const explained = [...decisions];
    wanted.forEach((index, place) => {
      const { values } = itemAt(open, index).payment.features;
      explained[index] = withContributions(policy, itemAt(decisions, index), values, itemAt(found, place));
    });
    return explained;
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
