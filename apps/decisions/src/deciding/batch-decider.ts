import type { Attributes, Context } from "@opentelemetry/api";
import { EVALUATION_CRASH, EVALUATION_FAULT } from "@tripline/contracts/degraded-reasons";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Rollout } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { ROWS_PER_CALL_MAX } from "@tripline/contracts/inference-limits";
import { TOPICS } from "@tripline/contracts/topics";
import type { Choice, DecisionInput } from "@tripline/decision-engine/decide-payment";
import { decideWithinBudgets, whyUnusable } from "@tripline/decision-engine/decide-payment";
import { wantsContributions, withContributions } from "@tripline/decision-engine/explain-decision";
import type { Policy } from "@tripline/decision-engine/policy";
import type { Scorecard } from "@tripline/decision-engine/scorecard";
import type { EventProducer, IncomingRecord, RecordBatch } from "@tripline/kafka/port";
import type { Logger } from "@tripline/telemetry/logger";
import { withProcessSpans } from "@tripline/telemetry/process-spans";
import { redisSpan, sendSpan } from "@tripline/telemetry/span-options";
import { describeSpan, headersFromContext, withSpans } from "@tripline/telemetry/tracing";
import type { DecisionMetrics } from "../decision-metrics.js";
import type { FollowedLists } from "../lists/followed-lists.js";
import type { Explainer } from "../scoring/explainer.js";
import { explanationBudgetMs, scoreBudgetMs } from "../scoring/score-budget.js";
import type { Scorer } from "../scoring/scorer.js";
import type { Scored } from "../scoring/trial-scorer.js";
import { SCORING_CALL, scoreTrial } from "../scoring/trial-scorer.js";
import type { DecisionStore } from "./decision-store.js";
import type { Payment } from "./parse-payment.js";
import { parsePayment } from "./parse-payment.js";
import type { PolicyOf } from "./policies-in-force.js";
import { choicesOf } from "./stored-decision.js";

export interface BatchDeciderOptions {
  readonly store: DecisionStore;
  readonly scorer: Scorer;
  readonly producer: EventProducer;
  /** The policies in force; read once per round. */
  readonly policies: () => Promise<PolicyOf>;
  /** The scorecard in force, if there is one; read once per round. */
  readonly scorecard?: () => Scorecard | undefined;
  /** The rollout of the model, if there is one; read once per round. */
  readonly rollout?: () => Promise<Rollout | undefined>;
  readonly explainer: Explainer;
  readonly lists: Pick<FollowedLists, "ready" | "hits">;
  readonly scoringWaitMsMax: number;
  readonly contributionsWaitMsMax: number;
  readonly metrics: DecisionMetrics;
  readonly logger: Logger;
}

/** A payment with the context of its span here. */
interface Work {
  readonly payment: Payment;
  readonly trace: Context;
  /** It gets the default decision, and no policy is evaluated for it. */
  readonly isUnsafe: boolean;
}

/** A payment with the decisions that it may get, by what is left of budgets, and the policy that made them. */
interface Decided {
  readonly work: Work;
  readonly policy: Policy;
  readonly choices: readonly Choice[];
}

/** Payments of a round whose scores come together, apart from the others. */
interface Part {
  readonly works: readonly Work[];
  readonly scored: Promise<readonly Scored[]>;
}

/** What all payments of a round are decided by. */
interface Deciders {
  readonly policyOf: PolicyOf;
  readonly scorecard: Scorecard | undefined;
  readonly rollout: Rollout | undefined;
}

/** A payment with the bytes of the decision that stands for it. */
type Standing = readonly [Work, Uint8Array];

/** The consumer group, without the prefix. */
export const DECISIONS_GROUP = "decisions";
/** Payments that are decided together, in one call to scoring. */
export const PAYMENTS_TOGETHER_MAX = ROWS_PER_CALL_MAX;
/** While two rounds wait for scoring, another one is kept and published. */
export const ROUNDS_MAX = 3;

const KEEP = redisSpan("SET");
const NONE: ReadonlySet<IncomingRecord> = new Set();

/**
 * Decides the payments of batches. The first decision of a payment stands: it is stored in Redis before anybody is told,
 * so that after a crash at any point the same batches give the same decisions. A payment that cannot be evaluated gets the
 * default decision, so that it fails none of the others.
 */
export class BatchDecider {
  readonly #options: BatchDeciderOptions;

  constructor(options: BatchDeciderOptions) {
    this.#options = options;
  }

  /**
   * @param unsafe records that get the default decision: evaluating them stopped the process before
   * @throws TriplineError `message-unreadable` before anything was done; `redis-unavailable`, `kafka-unavailable` when
   *   the batches have to come again; `shutting-down` before the lists were read; `state-unreadable` for a stored value that is not a decision
   */
  async handle(batches: readonly RecordBatch[], unsafe = NONE): Promise<void> {
    const parsed = batches.map(({ topic, partition, records }) => {
      const payments = records.map(parsePayment);
      return { topic, partition, records, payments, traces: payments.map((payment) => payment.trace) };
    });
    await withProcessSpans(DECISIONS_GROUP, parsed, async (contexts) => {
      const traces = contexts.flat();
      const works = parsed
        .flatMap(({ records, payments }) =>
          payments.map((payment, index) => ({ payment, isUnsafe: unsafe.has(itemAt(records, index)) })),
        )
        .map((work, index): Work => ({ ...work, trace: itemAt(traces, index) }));
      for (const { payment, trace } of works) {
        const { offset, transaction } = payment;
        describeSpan(trace, () => ({ "kafka.offset": offset, "tripline.payment.id": transaction.transactionId }));
      }
      await this.#options.lists.ready();
      await this.#publish(works, await this.#decide(works));
    });
  }

  /**
   * The decision that stands for each payment: the one made now, or an earlier one. Redis is not asked for earlier ones
   * first: only re-delivered batches have any, and all others would pay for a round trip. Decisions that need no
   * explanation do not wait for one; their callers have their replies by then.
   */
  async #decide(open: readonly Work[]): Promise<ReadonlyMap<Work, Uint8Array>> {
    const { policies, scorecard, rollout } = this.#options;
    const deciders = { policyOf: await policies(), scorecard: scorecard?.(), rollout: await rollout?.() };
    const parts = this.#score(open, deciders);
    const settled = await Promise.all(parts.map((part) => this.#decidePart(part, deciders)));
    return new Map(settled.flat());
  }

  async #decidePart({ works, scored }: Part, { policyOf, scorecard }: Deciders): Promise<readonly Standing[]> {
    const scores = await scored;
    const decidedAtMs = Date.now();
    const [clear, wanting]: [Decided[], Decided[]] = [[], []];
    works.forEach((work, index) => {
      const policy = policyOf(work.payment.transaction.tenant);
      const choices = this.#choose(work, policy, itemAt(scores, index), decidedAtMs, scorecard);
      const isWanting = choices.some(({ decision }) => wantsContributions(decision));
      (isWanting ? wanting : clear).push({ work, policy, choices });
    });
    const settled = await Promise.all([
      this.#settle(clear),
      this.#explainAll(wanting).then((explained) => this.#settle(explained)),
    ]);
    return settled.flat();
  }

  /** The decisions that a payment may get; a fault of one payment must not fail the others. */
  #choose(
    { payment, isUnsafe }: Work,
    policy: Policy,
    scored: Scored,
    decidedAtMs: number,
    scorecard: Scorecard | undefined,
  ): readonly Choice[] {
    const { lists, metrics, logger } = this.#options;
    const { transaction, features } = payment;
    const input: DecisionInput = { transaction, features, ...scored, listHits: [], decidedAtMs };
    if (isUnsafe) {
      metrics.notEvaluated("crash");
      return decideWithinBudgets(policy, { ...input, notEvaluated: EVALUATION_CRASH });
    }
    try {
      return decideWithinBudgets(policy, { ...input, listHits: lists.hits(transaction, decidedAtMs) }, scorecard);
    } catch (error) {
      const { transactionId, tenant } = transaction;
      logger.error({ err: error, tenant, payment: transactionId }, "a payment could not be evaluated");
      metrics.notEvaluated("fault");
      return decideWithinBudgets(policy, { ...input, notEvaluated: EVALUATION_FAULT });
    }
  }

  /** Stores decisions and replies to the callers that wait for them. */
  async #settle(made: readonly Decided[]): Promise<readonly Standing[]> {
    if (made.length === 0) return [];
    const kept = await this.#keep(made);
    const settled = made.map(({ work }, index): Standing => [work, itemAt(kept, index)]);
    await this.#reply(settled);
    return settled;
  }

  /** Adds what raised the score to decisions other than approve, if it is known in time. */
  async #explainAll(wanting: readonly Decided[]): Promise<readonly Decided[]> {
    const byVersion = Map.groupBy(wanting, ({ choices }) => itemAt(choices, 0).decision.modelVersion);
    const explained = await Promise.all([...byVersion].map(([version, one]) => this.#explain(one, version)));
    return explained.flat();
  }

  /** Of decisions by the scores of one model version. */
  async #explain(wanting: readonly Decided[], modelVersion: string): Promise<readonly Decided[]> {
    const { explainer, contributionsWaitMsMax: waitMsMax } = this.#options;
    const deadlines = wanting.map(({ work }) => work.payment.deadlineMs);
    const budgetMs = explanationBudgetMs(deadlines, { waitMsMax, nowMs: Date.now() });
    const rows = wanting.map(({ work }) => work.payment.features.values);
    const traces = wanting.map(({ work }) => work.trace);
    const found = await withSpans(traces, "explain", SCORING_CALL, (contexts) =>
      explainer.explain(rows, modelVersion, contexts, budgetMs),
    );
    if (found === undefined) return wanting;
    return wanting.map(({ work, policy, choices }, index) => {
      const { features, transaction } = work.payment;
      const payment = { currency: transaction.currency, values: features.values };
      const explain = (decision: Decision): Decision =>
        wantsContributions(decision) ? withContributions(policy, decision, payment, itemAt(found, index)) : decision;
      try {
        return { work, policy, choices: choices.map((one) => ({ ...one, decision: explain(one.decision) })) };
      } catch (error) {
        this.#options.logger.error({ err: error, payment: transaction.transactionId }, "a decision was not explained");
        return { work, policy, choices };
      }
    });
  }

  /** Asks for the scores of those payments whose features fit the policy's spec. */
  #score(open: readonly Work[], { policyOf, rollout }: Deciders): readonly Part[] {
    const isUsable = ({ payment, isUnsafe }: Work): boolean =>
      !isUnsafe && whyUnusable(policyOf(payment.transaction.tenant), payment.features) === undefined;
    const [usable, unusable] = [open.filter(isUsable), open.filter((work) => !isUsable(work))];
    const budgetMs = scoreBudgetMs(
      open.map(({ payment }) => payment.deadlineMs),
      { waitMsMax: this.#options.scoringWaitMsMax, nowMs: Date.now() },
    );
    const tasks = usable.map((work) => {
      const { transaction, features } = work.payment;
      return { work, cardToken: transaction.cardToken, row: features.values, trace: work.trace };
    });
    const parts = scoreTrial(this.#options.scorer, rollout, tasks, budgetMs);
    // What the model cannot use, the rules cannot use either.
    const unscored = unusable.map(
      (): Scored => ({ score: { missing: "the features cannot be used" }, trial: undefined }),
    );
    return [
      ...parts.map((part) => ({ works: part.tasks.map(({ work }) => work), scored: part.scored })),
      ...(unusable.length === 0 ? [] : [{ works: unusable, scored: Promise.resolve(unscored) }]),
    ];
  }

  async #keep(made: readonly Decided[]): Promise<Uint8Array[]> {
    const { store, metrics } = this.#options;
    const traces = made.map(({ work }) => work.trace);
    const entries = made.map(({ work, choices }) => ({
      transactionId: work.payment.transaction.transactionId,
      ...storedChoice(itemAt(choices, 0)),
      otherwise: choices.slice(1).map(storedChoice),
    }));
    const kept = await withSpans(traces, "redis set", KEEP, () => store.keepFirst(entries));
    made.forEach(({ work, choices }, index) => {
      const bytes = itemAt(kept, index);
      const at = choicesOf(itemAt(entries, index)).findIndex((choice) => choice.bytes === bytes);
      const first = choices[at]?.decision;
      if (first !== undefined) metrics.decided(first);
      else metrics.repeated(1);
      describeSpan(work.trace, () => attributesOf(first ?? Decision.decode(bytes)));
    });
    return kept;
  }

  async #publish(works: readonly Work[], standing: ReadonlyMap<Work, Uint8Array>): Promise<void> {
    const decisions = works.map((work) => standing.get(work));
    const traces = works.map((work) => work.trace);
    const topic = TOPICS.decisions.name;
    await withSpans(traces, `send ${topic}`, sendSpan(topic, works.length), (contexts) =>
      this.#options.producer.send(
        works.map(({ payment }, index) => ({
          topic,
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
  async #reply(settled: readonly Standing[]): Promise<void> {
    const replies = settled.flatMap(([{ payment }, bytes]) =>
      payment.replyTo === undefined ? [] : [{ channel: payment.replyTo, bytes }],
    );
    if (replies.length === 0) return;
    try {
      await this.#options.store.reply(replies);
    } catch (error) {
      this.#options.metrics.repliesLost(replies.length);
      this.#options.logger.warn({ err: error, count: replies.length }, "could not send replies");
    }
  }
}

function storedChoice({ decision, takes }: Choice) {
  return { bytes: encodeMessage(Decision, decision), takes };
}

/** The decision that stands for a payment, as attributes of its span. */
function attributesOf({ outcome, rung }: Decision): Attributes {
  return {
    "tripline.decision.outcome": Outcome[outcome].toLowerCase(),
    "tripline.decision.rung": Rung[rung].toLowerCase(),
  };
}

/** The lists of a round have the same length. If one is short, no reply may be sent. */
function itemAt<T>(items: readonly (T | undefined)[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new TriplineError("internal", `Payment ${index} of the round has no entry.`);
  return item;
}
