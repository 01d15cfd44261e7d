import { FALLBACK_LEVEL_NAMES, OUTCOME_NAMES } from "@tripline/contracts/decisions/decision-names";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FastifyReply } from "fastify";
import type { Outcome as EventOutcome } from "../intake/event-intake.js";
import type { PreparedEvent } from "../intake/prepare-event.js";
import type { DecisionBody } from "../openapi/response-schemas.js";
import { formatTime } from "../requests/parse-time.js";
import type { AnswerDetail } from "./answer-detail.js";
import { roundScore, roundScoreIn } from "./answer-detail.js";

/** The names of fallback levels in the deprecated field `rung`. */
const RUNGS: Readonly<Record<number, DecisionBody["rung"]>> = {
  [Rung.MODEL]: "model",
  [Rung.SCORECARD]: "scorecard",
  [Rung.RULES_ONLY]: "rules_only",
  [Rung.STATIC_POLICY]: "static_policy",
};

/**
 * A decision as the API returns it.
 *
 * @param detail how much to reveal, because exact scores would allow copying the model
 * @throws TriplineError `state-unreadable` if this version does not know the outcome or fallback level
 */
export function presentDecision(decision: Decision, detail: AnswerDetail): DecisionBody {
  const { score } = decision;
  const isRounded = detail === "explained" && score !== undefined;
  return {
    id: decision.transactionId,
    transaction_id: decision.clientTransactionId,
    status: "decided",
    outcome: named<DecisionBody["outcome"]>(OUTCOME_NAMES, decision.outcome),
    reasons: decision.reasons.map(({ code, text, outcome }) => ({
      code,
      ...(detail === "outcome" ? {} : { text: isRounded ? roundScoreIn(text, score) : text }),
      outcome: named<DecisionBody["outcome"]>(OUTCOME_NAMES, outcome),
    })),
    ...(detail === "outcome" ? {} : { score: isRounded ? roundScore(score) : (score ?? null) }),
    fallback_level: named<DecisionBody["fallback_level"]>(FALLBACK_LEVEL_NAMES, decision.rung),
    rung: named(RUNGS, decision.rung),
    degraded_because: decision.degradedBecause === "" ? null : decision.degradedBecause,
    ...(detail === "outcome" ? {} : { skipped_rules: skippedRules(decision) }),
    card_token: decision.cardToken,
    policy_version: decision.policyVersion,
    policy_revision: decision.policyRevision === 0 ? null : decision.policyRevision,
    model: decision.modelName === "" ? null : { name: decision.modelName, version: decision.modelVersion },
    feature_spec_version: decision.featureSpecVersion,
    occurred_at: formatTime(decision.occurredAtMs),
    accepted_at: formatTime(decision.acceptedAtMs),
    decided_at: formatTime(decision.decidedAtMs),
  };
}

/** Skipped rules, without shadow rules. */
function skippedRules({ skippedRules: all }: Decision): { rule_id: string; why: string }[] {
  return all.filter(({ inShadow }) => !inShadow).map(({ ruleId, why }) => ({ rule_id: ruleId, why }));
}

/**
 * Responds to a request with a single event.
 *
 * @param detail see `presentDecision`
 * @throws TriplineError if the event was rejected
 */
export function answerOutcome(
  event: PreparedEvent,
  outcome: EventOutcome | undefined,
  reply: FastifyReply,
  detail: AnswerDetail,
): unknown {
  if (outcome === undefined) throw new TriplineError("internal", "A request has no outcome.");
  if (outcome.state === "refused") throw outcome.error;
  if (outcome.isReplay) reply.header("idempotent-replayed", "true");
  // A fraud report may not name its payment.
  const ids = { id: event.id, transaction_id: event.clientTransactionId || undefined };
  if (outcome.state === "pending") {
    if (event.topic === "transactions") reply.header("location", decisionPath(event.id));
    return reply.status(202).send({ ...ids, status: "pending" });
  }
  return outcome.reply === "label-applied" ? { ...ids, status: "applied" } : presentDecision(outcome.reply, detail);
}

export function decisionPath(id: string): string {
  return `/v1/decisions/${id}`;
}

function named<T extends string>(names: Readonly<Record<number, T>>, value: number): T {
  const name = names[value];
  if (name === undefined) throw new TriplineError("state-unreadable", `A decision has the unknown value ${value}.`);
  return name;
}
