import { Inject, Injectable } from "@nestjs/common";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { wantsContributions, withContributions } from "@tripline/decision-engine/explain-decision";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { withSpans } from "@tripline/telemetry/tracing";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";
import { Explainer } from "../scoring/explainer.js";
import { explanationBudgetMs } from "../scoring/score-budget.js";
import { SCORING_CALL } from "../scoring/trial-scorer.js";
import type { DecidedPayment } from "./open-payment.js";
import { itemAt } from "./open-payment.js";

/** Adds the features that raised the score to every decision other than approve, if scoring answers in time. */
@Injectable()
export class DecisionExplainer {
  constructor(
    @Inject(Explainer) private readonly explainer: Explainer,
    @Inject(DECISIONS_CONFIG) private readonly config: Pick<DecisionsConfig, "CONTRIBUTIONS_WAIT_MS_MAX">,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Never rejects. @returns the same payments, in any order */
  async explain(decided: readonly DecidedPayment[]): Promise<readonly DecidedPayment[]> {
    const byVersion = Map.groupBy(decided, ({ choices }) => itemAt(choices, 0).decision.modelVersion);
    const explained = await Promise.all([...byVersion].map(([version, one]) => this.#explainScores(one, version)));
    return explained.flat();
  }

  /** Explains decisions that used the same model version. */
  async #explainScores(decided: readonly DecidedPayment[], modelVersion: string): Promise<readonly DecidedPayment[]> {
    const deadlines = decided.map(({ open }) => open.payment.deadlineMs);
    const waitMsMax = this.config.CONTRIBUTIONS_WAIT_MS_MAX;
    const budgetMs = explanationBudgetMs(deadlines, { waitMsMax, nowMs: Date.now() });
    const rows = decided.map(({ open }) => open.payment.features.values);
    const traces = decided.map(({ open }) => open.trace);
    const found = await withSpans(traces, "explain", SCORING_CALL, (contexts) =>
      this.explainer.explain(rows, modelVersion, contexts, budgetMs),
    );
    if (found === undefined) return decided;
    return decided.map((one, index) => this.#addContributions(one, itemAt(found, index)));
  }

  #addContributions({ open, policy, choices }: DecidedPayment, contributions: readonly number[]): DecidedPayment {
    const { features, transaction } = open.payment;
    const payment = { currency: transaction.currency, values: features.values, transaction };
    const explain = (decision: Decision): Decision =>
      wantsContributions(decision) ? withContributions(policy, decision, payment, contributions) : decision;
    try {
      return { open, policy, choices: choices.map((one) => ({ ...one, decision: explain(one.decision) })) };
    } catch (error) {
      this.logger.error({ err: error, payment: transaction.transactionId }, "a decision was not explained");
      return { open, policy, choices };
    }
  }
}
