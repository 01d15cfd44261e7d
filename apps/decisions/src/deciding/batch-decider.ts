import { Inject, Injectable } from "@nestjs/common";
import { EVALUATION_CRASH, EVALUATION_FAULT } from "@tripline/contracts/degraded-reasons";
import type { Rollout } from "@tripline/contracts/generated/tripline/events/v1/events";
import { ROWS_PER_CALL_MAX } from "@tripline/contracts/inference/inference-limits";
import type { Choice, DecisionInput } from "@tripline/decision-engine/decide-payment";
import { decideWithinBudgets, whyUnusable } from "@tripline/decision-engine/decide-payment";
import { wantsContributions } from "@tripline/decision-engine/explain-decision";
import type { Policy } from "@tripline/decision-engine/policy";
import type { Scorecard } from "@tripline/decision-engine/scorecard";
import { Unfinished } from "@tripline/kafka/consumer/unfinished";
import type { IncomingRecord, RecordBatch } from "@tripline/kafka/port";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { withProcessSpans } from "@tripline/telemetry/process-spans";
import { describeSpan } from "@tripline/telemetry/tracing";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";
import { DecisionMetrics } from "../decision-metrics.js";
import { FollowedLists } from "../lists/followed-lists.js";
import { RolloutTable } from "../scoring/rollout-table.js";
import { scoreBudgetMs } from "../scoring/score-budget.js";
import { Scorer } from "../scoring/scorer.js";
import type { Scored, ScoredPart } from "../scoring/trial-scorer.js";
import { scoreTrial } from "../scoring/trial-scorer.js";
import { AttributeReader } from "./attribute-reader.js";
import { ChampionScorecard } from "./champion-scorecard.js";
import { DecisionExplainer } from "./decision-explainer.js";
import type { StandingDecision } from "./decision-writer.js";
import { DecisionWriter } from "./decision-writer.js";
import type { DecidedPayment, OpenPayment } from "./open-payment.js";
import { itemAt } from "./open-payment.js";
import { parsePayment } from "./parse-payment.js";
import type { PolicyOf } from "./policies-in-force.js";
import { PoliciesInForce } from "./policies-in-force.js";

/** A snapshot of everything that a round needs to decide; concurrent changes do not affect it. */
interface Round {
  readonly policyOf: PolicyOf;
  readonly scorecard: Scorecard | undefined;
  readonly rollout: Rollout | undefined;
}

/** The consumer group, without the prefix. */
export const DECISIONS_GROUP = "decisions";
/** Maximum number of payments that are decided together, in one call to scoring. */
export const PAYMENTS_TOGETHER_MAX = ROWS_PER_CALL_MAX;
/** While one round waits for scoring, another is decided and stored. */
export const ROUNDS_MAX = 2;

const NONE: ReadonlySet<IncomingRecord> = new Set();

/**
 * Decides payments in batches: scores, decides, explains, stores, replies, publishes. The first decision on a payment
 * is final. It is stored in Redis before any reply, so after a crash at any point, the same batches lead to the same
 * decisions. A payment that cannot be evaluated gets the default decision, so that it does not make the others fail.
 */
@Injectable()
export class BatchDecider {
  constructor(
    @Inject(PoliciesInForce) private readonly policies: Pick<PoliciesInForce, "ofRound">,
    @Inject(ChampionScorecard) private readonly scorecards: Pick<ChampionScorecard, "current">,
    @Inject(RolloutTable) private readonly rollouts: Pick<RolloutTable, "ofRound">,
    @Inject(FollowedLists) private readonly lists: Pick<FollowedLists, "ready" | "hits">,
    @Inject(AttributeReader) private readonly attributes: Pick<AttributeReader, "prepare" | "read">,
    @Inject(Scorer) private readonly scorer: Scorer,
    @Inject(DecisionExplainer) private readonly explainer: DecisionExplainer,
    @Inject(DecisionWriter) private readonly writer: DecisionWriter,
    @Inject(DECISIONS_CONFIG) private readonly config: Pick<DecisionsConfig, "SCORING_WAIT_MS_MAX">,
    @Inject(DecisionMetrics) private readonly metrics: DecisionMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Resolves when the payments are decided; the decisions are published while the next round is decided.
   *
   * @param unsafe records that get the default decision, because evaluating them crashed the process earlier
   * @throws TriplineError, here or in `Unfinished`: `message-unreadable` before anything is done; `redis-unavailable`,
   *   `kafka-unavailable` if the batches must be redelivered; `shutting-down` before the lists are loaded;
   *   `state-unreadable` for an invalid stored decision
   */
  async handle(batches: readonly RecordBatch[], unsafe = NONE): Promise<Unfinished> {
    const parsed = batches.map(({ topic, partition, records }) => {
      const payments = records.map(parsePayment);
      return { topic, partition, records, payments, traces: payments.map((payment) => payment.trace) };
    });
    const decided = Promise.withResolvers<void>();
    const finished = withProcessSpans(DECISIONS_GROUP, parsed, async (contexts) => {
      const open = parsed.flatMap(({ records, payments }, batch) =>
        payments.map((payment, index): OpenPayment => {
          const trace = itemAt(itemAt(contexts, batch), index);
          const { offset, transaction } = payment;
          describeSpan(trace, () => ({ "kafka.offset": offset, "tripline.payment.id": transaction.transactionId }));
          return { payment, trace, isUnsafe: unsafe.has(itemAt(records, index)) };
        }),
      );
      await this.lists.ready();
      const standing = await this.#decide(open);
      decided.resolve();
      await this.writer.publish(open, standing);
    });
    // An error before the payments are decided rejects `finished`, and `decided` would never resolve.
    await Promise.race([decided.promise, finished]);
    return new Unfinished(finished);
  }

  /**
   * Returns the decision in force for each payment: either the new one or an earlier one. Earlier decisions are not
   * read from Redis first, because only redelivered batches have any, and the read would cost all other batches a round
   * trip.
   */
  async #decide(open: readonly OpenPayment[]): Promise<ReadonlyMap<OpenPayment, StandingDecision>> {
    const policyOf = await this.policies.ofRound();
    const round = { policyOf, scorecard: this.scorecards.current, rollout: await this.rollouts.ofRound() };
    const parts = this.#score(open, round);
    const payments = open.map(({ payment }) => payment);
    const prepared = this.attributes.prepare(payments, policyOf);
    const standing = await Promise.all(parts.map((part) => this.#decidePart(part, round, prepared)));
    return new Map(standing.flat());
  }

  /**
   * Requests scores for payments whose features match the policy's spec. Features that the model cannot use are
   * unusable for the rules as well.
   */
  #score(all: readonly OpenPayment[], { policyOf, rollout }: Round): readonly ScoredPart<{ open: OpenPayment }>[] {
    const isUsable = ({ payment, isUnsafe }: OpenPayment): boolean =>
      !isUnsafe && whyUnusable(policyOf(payment.transaction.tenant), payment.features) === undefined;
    const [usable, unusable] = [all.filter(isUsable), all.filter((open) => !isUsable(open))];
    const budgetMs = scoreBudgetMs(
      all.map(({ payment }) => payment.deadlineMs),
      { waitMsMax: this.config.SCORING_WAIT_MS_MAX, nowMs: Date.now() },
    );
    const tasks = usable.map((open) => {
      const { transaction, features } = open.payment;
      return { open, cardToken: transaction.cardToken, row: features.values, trace: open.trace };
    });
    const parts = scoreTrial(this.scorer, rollout, tasks, budgetMs);
    if (unusable.length === 0) return parts;
    const unscored = unusable.map(
      (): Scored => ({ score: { missing: "the features are unusable" }, trial: undefined }),
    );
    return [...parts, { tasks: unusable.map((open) => ({ open })), scored: Promise.resolve(unscored) }];
  }

  /** Decisions that need no explanation do not wait for those that do, so their callers get the replies first. */
  async #decidePart(
    { tasks, scored }: ScoredPart<{ open: OpenPayment }>,
    { policyOf, scorecard }: Round,
    prepared: Promise<void>,
  ) {
    const scores = await scored;
    // Missing attribute keys are loaded while scoring works.
    await prepared;
    const decidedAtMs = Date.now();
    const [clear, unexplained]: [DecidedPayment[], DecidedPayment[]] = [[], []];
    tasks.forEach(({ open }, index) => {
      const policy = policyOf(open.payment.transaction.tenant);
      const choices = this.#choose(open, policy, itemAt(scores, index), decidedAtMs, scorecard);
      const isClear = !choices.some(({ decision }) => wantsContributions(decision));
      (isClear ? clear : unexplained).push({ open, policy, choices });
    });
    const standing = await Promise.all([
      this.writer.keep(clear),
      this.explainer.explain(unexplained).then((explained) => this.writer.keep(explained)),
    ]);
    return standing.flat();
  }

  /** Returns the decisions that a payment may get. A fault of one payment must not make other payments fail. */
  #choose(
    { payment, isUnsafe }: OpenPayment,
    policy: Policy,
    scored: Scored,
    decidedAtMs: number,
    scorecard: Scorecard | undefined,
  ): readonly Choice[] {
    const { transaction, features } = payment;
    const input: DecisionInput = { transaction, features, ...scored, listHits: [], decidedAtMs };
    if (isUnsafe) {
      this.metrics.notEvaluated("crash");
      return decideWithinBudgets(policy, { ...input, notEvaluated: EVALUATION_CRASH });
    }
    try {
      const listHits = this.lists.hits(transaction, decidedAtMs);
      const attributes = this.attributes.read(payment, policy);
      return decideWithinBudgets(policy, { ...input, attributes, listHits }, scorecard);
    } catch (error) {
      const { transactionId, tenant } = transaction;
      this.logger.error({ err: error, tenant, payment: transactionId }, "a payment could not be evaluated");
      this.metrics.notEvaluated("fault");
      return decideWithinBudgets(policy, { ...input, notEvaluated: EVALUATION_FAULT });
    }
  }
}
