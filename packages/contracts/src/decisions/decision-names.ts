import { Outcome, Rung } from "../generated/tripline/events/v1/events.js";

/* Names of a decision's parts, as callers and receivers of webhooks see them. */

export const OUTCOME_NAMES = {
  [Outcome.APPROVE]: "approve",
  [Outcome.CHALLENGE]: "challenge",
  [Outcome.REVIEW]: "review",
  [Outcome.DECLINE]: "decline",
} as const satisfies Readonly<Record<number, string>>;
export type OutcomeName = (typeof OUTCOME_NAMES)[keyof typeof OUTCOME_NAMES];

export const FALLBACK_LEVEL_NAMES = {
  [Rung.MODEL]: "model",
  [Rung.SCORECARD]: "scorecard",
  [Rung.RULES_ONLY]: "rules",
  [Rung.STATIC_POLICY]: "default_decision",
} as const satisfies Readonly<Record<number, string>>;
export type FallbackLevelName = (typeof FALLBACK_LEVEL_NAMES)[keyof typeof FALLBACK_LEVEL_NAMES];
