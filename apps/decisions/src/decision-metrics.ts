import type { Counter, Histogram } from "@opentelemetry/api";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { counter, histogram } from "@tripline/service-kit/metrics";

/** Why a score is missing, as a metric label: few and fixed. */
export type MissingScoreCause =
  | "no-time"
  | "circuit-open"
  | "late"
  | "unreachable"
  | "refused"
  | "model-mismatch"
  | "unreadable";

/** Whether contributions were there, or why not, as a metric label. */
export type ExplanationResult = "explained" | "no-time" | "late" | "unreachable" | "refused" | "unreadable";

/** What decisions measures. Made after telemetry has started, or nothing would be recorded. */
export class DecisionMetrics {
  readonly #made: Counter = counter("tripline.decisions.made", {
    unit: "{decision}",
    description: "First decisions of payments, by outcome and rung of the degradation ladder",
  });
  readonly #repeated: Counter = counter("tripline.decisions.repeated", {
    unit: "{decision}",
    description: "Payments that came again and got the decision that stood",
  });
  readonly #degraded: Counter = counter("tripline.decisions.degraded", {
    unit: "{decision}",
    description: "First decisions below the model's rung",
  });
  readonly #latency: Histogram = histogram("tripline.decisions.latency", {
    unit: "ms",
    description: "From accepting a payment to deciding it",
  });
  readonly #scoreDuration: Histogram = histogram("tripline.decisions.score.duration", {
    unit: "ms",
    description: "Wait for the scores of one batch, retries included",
  });
  readonly #scoreMissing: Counter = counter("tripline.decisions.score.missing", {
    unit: "{payment}",
    description: "Payments that were to be scored and were not, by cause",
  });
  readonly #explained: Counter = counter("tripline.decisions.explained", {
    unit: "{decision}",
    description: "Decisions that are not to approve, by whether the features that raised the score were found out",
  });
  readonly #policyReloads: Counter = counter("tripline.decisions.policy.reloads", {
    unit: "{reload}",
    description: "Changes of the policy file, by whether the new one was valid",
  });
  readonly #scorecardReloads: Counter = counter("tripline.decisions.scorecard.reloads", {
    unit: "{reload}",
    description: "Changes of the scorecard file, by whether the new one was valid",
  });
  readonly #repliesLost: Counter = counter("tripline.decisions.replies.lost", {
    unit: "{reply}",
    description: "Replies that could not be given; the decision stands and can be fetched",
  });

  decided(decision: Decision): void {
    const rung = Rung[decision.rung].toLowerCase();
    this.#made.add(1, { outcome: Outcome[decision.outcome].toLowerCase(), rung });
    if (decision.rung !== Rung.MODEL) this.#degraded.add(1, { rung });
    this.#latency.record(Math.max(0, decision.decidedAtMs - decision.acceptedAtMs));
  }

  repeated(count: number): void {
    if (count > 0) this.#repeated.add(count);
  }

  scored(durationMs: number): void {
    this.#scoreDuration.record(durationMs);
  }

  scoreMissing(cause: MissingScoreCause, count: number): void {
    this.#scoreMissing.add(count, { cause });
  }

  explained(result: ExplanationResult, count: number): void {
    this.#explained.add(count, { result });
  }

  policyReloaded(valid: boolean): void {
    this.#policyReloads.add(1, { result: valid ? "valid" : "invalid" });
  }

  scorecardReloaded(valid: boolean): void {
    this.#scorecardReloads.add(1, { result: valid ? "valid" : "invalid" });
  }

  repliesLost(count: number): void {
    this.#repliesLost.add(count);
  }
}
