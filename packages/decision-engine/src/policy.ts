import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Evaluation } from "./conditions/checked-node.js";
import type { Condition } from "./conditions/condition.js";
import type { FeatureWords } from "./feature-words.js";
import type { Template } from "./render-text.js";

/** What a rule, a band or a static answer does. From mildest to strictest. */
export const ACTIONS = ["approve", "challenge", "review", "decline"] as const;
export type Action = (typeof ACTIONS)[number];

/** Whether a rule decides, is only recorded, or neither. */
export const RULE_MODES = ["live", "shadow", "off"] as const;
export type RuleMode = (typeof RULE_MODES)[number];

/** The outcome on the wire of an action. The numbers of `Outcome` grow with strictness, so that they can be compared. */
export const OUTCOME_OF: Readonly<Record<Action, Outcome>> = {
  approve: Outcome.APPROVE,
  challenge: Outcome.CHALLENGE,
  review: Outcome.REVIEW,
  decline: Outcome.DECLINE,
};

/** What to do, and how to say why. */
export interface Answer {
  readonly outcome: Outcome;
  /** Reason code, upper case with underscores. */
  readonly code: string;
  readonly text: Template;
}

export interface Rule extends Answer {
  readonly id: string;
  /** Compiled once when the policy is loaded; gives a boolean. */
  readonly when: Condition;
  /** The expression reads `score`; the rule is skipped where there is none. */
  readonly needsScore: boolean;
  /** Where it fires, the band of the score does not count. */
  readonly overridesScore: boolean;
  /** What it asks for is done also when the budget is spent, and counts. */
  readonly ignoresBudget: boolean;
  /** It reads lists and no feature: it holds on every rung, also where the features cannot be used. */
  readonly readsListsOnly: boolean;
  readonly mode: RuleMode;
  /** Its mode in the file, where the control plane switched the rule off because it failed. */
  readonly switchedOffFrom?: RuleMode;
  /** Of a live rule: the share of cards for which it decides; for the others it is in shadow. */
  readonly percent: number;
  readonly examples: readonly RuleExample[];
}

/** A payment that somebody wrote beside a rule, and whether the rule fires on it. */
export interface RuleExample {
  readonly fires: boolean;
  readonly values: Readonly<Record<string, number | string | boolean>>;
  readonly lists: readonly { readonly list: string; readonly kind: string; readonly effect: string }[];
  /** Where it stands: `file:line:column`. */
  readonly at: string;
}

/** Holds from `atLeast` (inclusive) up to the band above it. */
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

/** The answer where neither rules nor score can be trusted, for payments that no row is for. */
export interface StaticAnswer extends Answer {
  /** Within a currency, the lowest amount first. */
  readonly byAmount: readonly AmountRow[];
}

/** Outcomes that cost somebody's time, so that a day may have only so many. */
export const BUDGETED_ACTIONS = ["review", "challenge"] as const satisfies readonly Action[];

/** What is done instead of an outcome whose budget is spent. */
export interface SpentAnswer extends Answer {
  /** Only for payments with a lower score; undefined for all others. */
  readonly scoreBelow: number | undefined;
}

/** How many payments of a day may have an outcome, and what happens to those that would have it besides. */
export interface Budget {
  readonly outcome: Outcome;
  readonly perDay: number;
  /** Other numbers, by tenant. */
  readonly perDayByTenant: ReadonlyMap<string, number>;
  /** The day of a time, `YYYY-MM-DD` in the budget's time zone. */
  readonly dayOf: (atMs: number) => string;
  /** The first one that a payment has counts; the last one is for all. */
  readonly whenSpent: readonly SpentAnswer[];
}

/** What the activation of a policy must not do to the outcomes, as far as it is watched. */
export interface MixGuard {
  /** For so long after the activation; what was decided in as long a time before it is what it is compared with. */
  readonly watchSeconds: number;
  /** Cards that must have paid before and after the activation before anything is judged. */
  readonly cardsMin: number;
  /** How much larger than before the share of any outcome may be. */
  readonly outcomePointsMax: number;
}

/** A feature and its place in the vector. */
export interface ReadFeature {
  readonly name: string;
  readonly index: number;
}

/** A checked policy. Made by `parsePolicy` only. */
export interface Policy {
  /** The file's own version, `+`, and the first 8 hex digits of the SHA-256 of its text. */
  readonly version: string;
  /** Its number in the control plane; 0 for a file. */
  readonly revision: number;
  /** Version of the feature spec that the expressions were checked against. */
  readonly specVersion: number;
  /** Names of the features, in the order of the vector. */
  readonly featureNames: readonly string[];
  /** Those of them that a condition or a sentence of the policy reads. */
  readonly readFeatures: readonly ReadFeature[];
  /** How analysts read the features' values, in the order of the vector. */
  readonly featureWords: readonly (FeatureWords | undefined)[];
  /** Digest of the words of reasons that are not in the file. */
  readonly wordingVersion: string;
  /** In the order of the file. */
  readonly rules: readonly Rule[];
  /** Opens the evaluation of its rules for the values of a payment. */
  readonly evaluationOf: (values: Readonly<Record<string, unknown>>) => Evaluation;
  /** Highest first. */
  readonly bands: readonly Band[];
  /** At most one of an outcome. */
  readonly budgets: readonly Budget[];
  /** Undefined: `DEFAULT_GUARD` watches. */
  readonly guard: MixGuard | undefined;
  /** The answer if neither rules nor score can be trusted. */
  readonly staticDefault: StaticAnswer;
  readonly staticByTenant: ReadonlyMap<string, StaticAnswer>;
  /**
   * Why a new policy like this one is refused: what it may cost. Not empty only for one that was stored by an earlier release;
   * those of its rules that cost too much for a payment are skipped for it.
   */
  readonly costFaults: readonly string[];
}

/**
 * The policy without rules that the control plane switched off because they failed. Decisions name them, so that a replay
 * leaves them out too. An id that the policy does not have changes nothing.
 */
export function switchOffRules(policy: Policy, ids: readonly string[]): Policy {
  if (ids.length === 0) return policy;
  const rules = policy.rules.map((rule) =>
    rule.mode !== "off" && ids.includes(rule.id) ? { ...rule, mode: "off" as const, switchedOffFrom: rule.mode } : rule,
  );
  return { ...policy, rules };
}
