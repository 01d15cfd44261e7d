import { TriplineError } from "@tripline/contracts/error-table";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { formatTime } from "./parse-time.js";
import type { DecisionBody } from "./response-schemas.js";

const OUTCOMES: Readonly<Record<number, DecisionBody["outcome"]>> = {
  [Outcome.APPROVE]: "approve",
  [Outcome.CHALLENGE]: "challenge",
  [Outcome.REVIEW]: "review",
  [Outcome.DECLINE]: "decline",
};

const RUNGS: Readonly<Record<number, DecisionBody["rung"]>> = {
  [Rung.MODEL]: "model",
  [Rung.SCORECARD]: "scorecard",
  [Rung.RULES_ONLY]: "rules_only",
  [Rung.STATIC_POLICY]: "static_policy",
};

/**
 * A decision as the API gives it.
 *
 * @throws TriplineError `state-unreadable` when its outcome or rung is none that this version knows
 */
export function presentDecision(decision: Decision): DecisionBody {
  return {
    id: decision.transactionId,
    transaction_id: decision.clientTransactionId,
    status: "decided",
    outcome: named(OUTCOMES, decision.outcome),
    reasons: decision.reasons.map(({ code, text, outcome }) => ({ code, text, outcome: named(OUTCOMES, outcome) })),
    score: decision.score ?? null,
    rung: named(RUNGS, decision.rung),
    degraded_because: decision.degradedBecause === "" ? null : decision.degradedBecause,
    card_token: decision.cardToken,
    policy_version: decision.policyVersion,
    model: decision.modelName === "" ? null : { name: decision.modelName, version: decision.modelVersion },
    feature_spec_version: decision.featureSpecVersion,
    occurred_at: formatTime(decision.occurredAtMs),
    accepted_at: formatTime(decision.acceptedAtMs),
    decided_at: formatTime(decision.decidedAtMs),
  };
}

export function decisionPath(id: string): string {
  return `/v1/decisions/${id}`;
}

function named<T extends string>(names: Readonly<Record<number, T>>, value: number): T {
  const name = names[value];
  if (name === undefined) throw new TriplineError("state-unreadable", `A decision holds the unknown value ${value}.`);
  return name;
}
