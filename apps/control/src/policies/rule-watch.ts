import { Inject, Injectable } from "@nestjs/common";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  BUDGET_EXCEEDED,
  EVALUATION_FAILED,
  PATTERN_UNSUPPORTED,
} from "@tripline/decision-engine/conditions/step-meter";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { counter, gauge } from "@tripline/telemetry/metrics";
import type { FeedListener } from "../rollouts/decision-feed.js";
import { DecisionFeed } from "../rollouts/decision-feed.js";
import { RegularLook } from "../rollouts/regular-look.js";
import { PolicyPublisher } from "./policy-publisher.js";
import type { RuleFailure } from "./switched-off-rules.js";
import { FAILURES_MAX, SwitchedOffRules } from "./switched-off-rules.js";

/** Failures caused by the rule itself. A rule that was skipped because the payment's steps were used up may be fine. */
const COUNTED: readonly string[] = [BUDGET_EXCEEDED, EVALUATION_FAILED, PATTERN_UNSUPPORTED];
/** Maximum number of rules with uncounted failures. The failures of further rules are counted when they fail again. */
const RULES_WAITING_MAX = 1_000;

/**
 * Switches off rules that fail. Decisions name the rules that had no result. Every instance counts all failures, but
 * each payment counts once.
 */
@Injectable()
export class RuleWatch extends RegularLook implements FeedListener {
  readonly wantsDecisions = true;
  readonly wantsLabels = false;
  /** Uncounted failures by rule and payment; for each rule, at most as many as are needed to switch it off. */
  #waiting = new Map<string, Map<string, RuleFailure>>();
  #inForce = 0;
  readonly #switchedOff = counter("tripline_control_rules_switched_off_total", {
    description: "Failed rules that this instance switched off",
  });
  readonly #unwatch = gauge(
    "tripline_control_rules_off",
    { description: "Rules of active revisions that are switched off because they failed" },
    () => this.#inForce,
  );

  constructor(
    @Inject(DecisionFeed) feed: Pick<DecisionFeed, "listen">,
    @Inject(SwitchedOffRules) private readonly rules: SwitchedOffRules,
    @Inject(PolicyPublisher) private readonly publisher: Pick<PolicyPublisher, "publish">,
    @Inject(LOGGER) logger: Logger,
  ) {
    super("rules", logger, () => this.#count());
    feed.listen(this);
  }

  override get note(): string | undefined {
    const off = this.#inForce === 0 ? undefined : `rules of active policies that are switched off: ${this.#inForce}`;
    return super.note ?? off;
  }

  override async onApplicationShutdown(): Promise<void> {
    this.#unwatch();
    await super.onApplicationShutdown();
  }

  decision({ skippedRules, ...decision }: Decision): void {
    if (skippedRules.length === 0 || decision.policyRevision === 0) return;
    const { tenant, policyRevision: revision, policyVersion: version, transactionId } = decision;
    for (const { ruleId, why } of skippedRules) {
      if (!COUNTED.includes(why)) continue;
      const key = JSON.stringify([tenant, revision, version, ruleId]);
      const known = this.#waiting.get(key) ?? new Map<string, RuleFailure>();
      if (known.size === FAILURES_MAX || this.#waiting.size === RULES_WAITING_MAX) continue;
      this.#waiting.set(key, known.set(transactionId, { tenant, revision, version, ruleId, why, transactionId }));
    }
  }

  label(): void {
    // Labels are irrelevant to rules.
  }

  async #count(): Promise<void> {
    const { rules, publisher, logger } = this;
    for (const [key, failures] of this.#waiting) {
      for (const failure of failures.values()) {
        if (!(await rules.add(failure))) continue;
        const { tenant, revision, ruleId, why } = failure;
        this.#switchedOff.inc();
        logger.warn({ tenant, revision, rule: ruleId, why }, "a rule was switched off because it failed");
        await publisher.publish();
      }
      this.#waiting.delete(key);
    }
    this.#inForce = await rules.countInForce();
  }
}
