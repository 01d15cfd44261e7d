import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { AttributeValue } from "./attributes/sent-attributes.js";
import type { Evaluation } from "./conditions/checked-node.js";
import type { Condition } from "./conditions/condition.js";
import type { FeatureWords } from "./feature-words.js";
import type { Template } from "./render-text.js";

/** Actions of a rule, a band or a default decision, from mildest to strictest. */
export const ACTIONS = ["approve", "challenge", "review", "decline"] as const;
export type Action = (typeof ACTIONS)[number];

/** Whether a rule decides, is only recorded, or is off. */
export const RULE_MODES = ["live", "shadow", "off"] as const;
export type RuleMode = (typeof RULE_MODES)[number];

/** The wire outcome of an action. Stricter outcomes have higher numbers, so they can be compared. */
export const OUTCOME_OF: Readonly<Record<Action, Outcome>> = {
  approve: Outcome.APPROVE,
  challenge: Outcome.CHALLENGE,
  review: Outcome.REVIEW,
  decline: Outcome.DECLINE,
};

/** An outcome and its reason. */
export interface Answer {
  readonly outcome: Outcome;
  /** Reason code, upper case with underscores. */
  readonly code: string;
  readonly text: Template;
}

export interface Rule extends Answer {
  readonly id: string;
  /** Compiled once when the policy is loaded; returns a boolean. */
  readonly when: Condition;
  /** The expression reads `score`; if there is no score, the rule is skipped. */
  readonly needsScore: boolean;
  /** If the rule fires, the score's band does not apply. */
  readonly overridesScore: boolean;
  /** The rule's outcome applies even if the budget is spent, and is still charged to the budget. */
  readonly ignoresBudget: boolean;
  /** It reads lists but no features: it applies at every fallback level, even if the features cannot be used. */
  readonly readsListsOnly: boolean;
  readonly readsLists: boolean;
  /** A payment on which the rule fires is never explored. */
  readonly neverExplored: boolean;
  readonly mode: RuleMode;
  /** The mode in the file, if the control plane disabled the rule because it failed. */
  readonly switchedOffFrom?: RuleMode;
  /** For a live rule: the share of cards for which it decides. For other cards, it is a shadow rule. */
  readonly percent: number;
  readonly examples: readonly RuleExample[];
}

/** An example payment in a rule, and whether the rule fires on it. */
export interface RuleExample {
  readonly fires: boolean;
  readonly values: Readonly<Record<string, number | string | boolean>>;
  readonly lists: readonly { readonly list: string; readonly kind: string; readonly effect: string }[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Its position: `file:line:column`. */
  readonly at: string;
}

/** Applies from `atLeast` (inclusive) up to the next higher band. */
export interface Band extends Answer {
  /** Probability, 0 to 1. */
  readonly atLeast: number;
}

/** The answer for payments of a currency below an amount. */
export interface AmountRow extends Answer {
  readonly currency: string;
  /** Exclusive, in minor units. */
  readonly belowMinor: number;
}

/** The answer for payments that match no row, if neither rules nor score can be trusted. */
export interface StaticAnswer extends Answer {
  /** Within a currency, in ascending order of amount. */
  readonly byAmount: readonly AmountRow[];
}

/** Outcomes that require manual work, so that their number per day can be limited. */
export const BUDGETED_ACTIONS = ["review", "challenge"] as const satisfies readonly Action[];

/** The answer instead of an outcome whose budget is spent. */
export interface SpentAnswer extends Answer {
  /** Applies only to payments with a lower score; undefined means all other payments. */
  readonly scoreBelow: number | undefined;
}

/** How many payments per day may have an outcome, and what happens to further payments. */
export interface Budget {
  readonly outcome: Outcome;
  readonly perDay: number;
  /** Different limits, by tenant. */
  readonly perDayByTenant: ReadonlyMap<string, number>;
  /** The date of a time in the budget's time zone, as `YYYY-MM-DD`. */
  readonly dayOf: (atMs: number) => string;
  /** The first matching answer applies; the last one matches all payments. */
  readonly whenSpent: readonly SpentAnswer[];
}

/** Payments of a currency that may be explored. */
export interface ExplorationLimit {
  readonly currency: string;
  /** Inclusive, in minor units. */
  readonly amountMinorMax: number;
  /** The highest total amount of a tenant's explored payments per day, in minor units. */
  readonly dailyLossMinorMax: number;
}

/** Approves a random share of the declines, because declined payments never get a label. */
export interface Exploration extends Answer {
  /** Probability of approval, above 0 and at most 1. */
  readonly share: number;
  /** Key of the hash that draws payments. */
  readonly key: string;
  /** The date of a time in the time zone of the limits, as `YYYY-MM-DD`. */
  readonly dayOf: (atMs: number) => string;
  /** At most one per currency. Payments in other currencies are not explored. */
  readonly limits: readonly ExplorationLimit[];
}

/** How much the activation of a policy may change the outcomes while it is monitored. */
export interface MixGuard {
  /** Length of the monitoring period after the activation; the baseline is a period of the same length before it. */
  readonly watchSeconds: number;
  /** Minimum cards with payments both before and after the activation; with fewer, nothing is judged. */
  readonly cardsMin: number;
  /** Maximum increase in the share of any outcome. */
  readonly outcomePointsMax: number;
}

/** A feature and its index in the vector. */
export interface ReadFeature {
  readonly name: string;
  readonly index: number;
}

/** A checked policy. Only `parsePolicy` creates it. */
export interface Policy {
  /** The file's own version, `+`, and the first 8 hex digits of the SHA-256 of its text. */
  readonly version: string;
  /** Its number in the control plane; 0 for a file. */
  readonly revision: number;
  /** Version of the feature spec against which the expressions were checked. */
  readonly specVersion: number;
  /** Names of the features, in the order of the vector. */
  readonly featureNames: readonly string[];
  /** Features that a condition or sentence of the policy reads. */
  readonly readFeatures: readonly ReadFeature[];
  /** The wording of the features for analysts, in the order of the vector. */
  readonly featureWords: readonly (FeatureWords | undefined)[];
  /** Digest of the wording of reasons that are not in the file. */
  readonly wordingVersion: string;
  /** In the order of the file. */
  readonly rules: readonly Rule[];
  /** Opens the evaluation of its rules for the values of a payment. */
  readonly evaluationOf: (values: Readonly<Record<string, unknown>>) => Evaluation;
  /** Highest first. */
  readonly bands: readonly Band[];
  /** At most one per outcome. */
  readonly budgets: readonly Budget[];
  /** Undefined: no decline is explored. */
  readonly exploration: Exploration | undefined;
  /** Undefined: `DEFAULT_GUARD` applies. */
  readonly guard: MixGuard | undefined;
  /** The answer if neither rules nor score can be trusted. */
  readonly staticDefault: StaticAnswer;
  readonly staticByTenant: ReadonlyMap<string, StaticAnswer>;
  /**
   * Why the policy would be rejected today because of its cost. Non-empty only for a policy that an earlier release
   * stored. Its rules are skipped for payments for which they are too expensive.
   */
  readonly costFaults: readonly string[];
}

/**
 * The policy without the rules that the control plane disabled because they failed. Decisions record these rules, so
 * that a decision replay skips them too. Unknown ids have no effect.
 */
export function switchOffRules(policy: Policy, ids: readonly string[]): Policy {
  if (ids.length === 0) return policy;
  const rules = policy.rules.map((rule) =>
    rule.mode !== "off" && ids.includes(rule.id) ? { ...rule, mode: "off" as const, switchedOffFrom: rule.mode } : rule,
  );
  return { ...policy, rules };
}
