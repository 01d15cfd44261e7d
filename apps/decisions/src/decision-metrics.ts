import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { counter, gauge, histogram } from "@tripline/telemetry/metrics";
import { fallbackLevelOf } from "./fallback-level.js";
import { RecentDecisions } from "./recent-decisions.js";

/** The reasons for a missing score, as label values. The set is small and fixed. */
export type MissingScoreCause =
  | "no-time"
  | "circuit-open"
  | "late"
  | "unreachable"
  | "busy"
  | "refused"
  | "model-mismatch"
  | "unreadable";

/** Whether contributions were available, or why not, as a metric label. */
export type ExplanationResult = "explained" | "no-time" | "late" | "unreachable" | "busy" | "refused" | "unreadable";

const MS_PER_S = 1_000;
/** Most payments score below 0.01; the bands of policies are above that. */
const SCORES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9];

/** Metrics of the decisions service. */
export class DecisionMetrics {
  readonly #made = counter("tripline_decisions_made_total", {
    description: "First decisions of payments, by outcome and fallback level",
    labels: ["outcome", "fallback_level", "rung"],
  });
  readonly #repeated = counter("tripline_decisions_repeated_total", {
    description: "Retried payments that received their first decision again",
  });
  readonly #degraded = counter("tripline_decisions_degraded_total", {
    description: "First decisions below the fallback level of the model",
    labels: ["fallback_level", "rung"],
  });
  readonly #score = histogram("tripline_decisions_score", {
    description: "Calibrated scores of first decisions, by the model's role: champion, canary or shadow",
    labels: ["role"],
    buckets: SCORES,
  });
  readonly #latency = histogram("tripline_decisions_latency_seconds", {
    description: "Time from accepting a payment to deciding it",
  });
  readonly #scoreDuration = histogram("tripline_decisions_score_duration_seconds", {
    description: "Time spent waiting for the scores of a batch, including retries",
  });
  readonly #scoreMissing = counter("tripline_decisions_score_missing_total", {
    description: "Payments that should have been scored but were not, by cause",
    labels: ["cause"],
  });
  readonly #candidateScored = counter("tripline_decisions_candidate_scores_total", {
    description: "Payments that a candidate model was asked to score, by result",
    labels: ["result"],
  });
  readonly #explained = counter("tripline_decisions_explained_total", {
    description: "Decisions other than approve, by whether the features that raised the score were known in time",
    labels: ["result"],
  });
  readonly #policyReloads = counter("tripline_decisions_policy_reloads_total", {
    description: "New policies, from the file or the control plane, by whether they were valid",
    labels: ["result", "source"],
  });
  readonly #scorecardReloads = counter("tripline_decisions_scorecard_reloads_total", {
    description: "Changes of the champion's scorecard, by whether the new one was usable",
    labels: ["result"],
  });
  readonly #listEntriesIgnored = counter("tripline_decisions_list_entries_ignored_total", {
    description: "List entries that this version does not support, such as entries of a newer kind",
  });
  readonly #budgetSpent = counter("tripline_decisions_budget_spent_total", {
    description: "First decisions that did not get this outcome because its budget was spent, by tenant",
    labels: ["outcome", "tenant"],
  });
  readonly #explored = counter("tripline_decisions_explored_total", {
    description: "Declines that the policy could explore, by tenant and result: approved, declined or limit",
    labels: ["result", "tenant"],
  });
  readonly #notEvaluated = counter("tripline_decisions_not_evaluated_total", {
    description:
      "Payments that got the default decision because their evaluation failed or crashed the process, by cause",
    labels: ["cause"],
  });
  readonly #rulesSkipped = counter("tripline_decisions_rules_skipped_total", {
    description: "Rules without a result for a payment, by reason and by whether they are live or in shadow",
    labels: ["why", "mode", "tenant"],
  });
  readonly #repliesLost = counter("tripline_decisions_replies_lost_total", {
    description: "Replies that could not be sent; the decision stands and can be fetched",
  });

  /** Detects that every payment gets the default decision. */
  readonly recent = new RecentDecisions();

  decided(decision: Decision): void {
    const level = fallbackLevelOf(decision);
    this.recent.add(decision.rung === Rung.STATIC_POLICY, decision.decidedAtMs);
    this.#made.inc({ outcome: Outcome[decision.outcome].toLowerCase(), ...level });
    if (decision.rung !== Rung.MODEL) this.#degraded.inc(level);
    for (const outcome of decision.spentBudgets) {
      this.#budgetSpent.inc({ outcome: Outcome[outcome].toLowerCase(), tenant: decision.tenant });
    }
    const { explorationProbability: probability, outcome, tenant } = decision;
    if (probability !== undefined) {
      const result = probability === 0 ? "limit" : outcome === Outcome.APPROVE ? "approved" : "declined";
      this.#explored.inc({ result, tenant });
    }
    for (const { why, inShadow } of decision.skippedRules) {
      this.#rulesSkipped.inc({ why, mode: inShadow ? "shadow" : "live", tenant: decision.tenant });
    }
    for (const [role, score] of scoresOf(decision)) this.#score.observe({ role }, score);
    this.#latency.observe(Math.max(0, decision.decidedAtMs - decision.acceptedAtMs) / MS_PER_S);
  }

  repeated(count: number): void {
    if (count > 0) this.#repeated.inc(count);
  }

  scored(durationMs: number): void {
    this.#scoreDuration.observe(durationMs / MS_PER_S);
  }

  scoreMissing(cause: MissingScoreCause, count: number): void {
    this.#scoreMissing.inc({ cause }, count);
  }

  candidateScored(result: "scored" | MissingScoreCause, count: number): void {
    this.#candidateScored.inc({ result }, count);
  }

  explained(result: ExplanationResult, count: number): void {
    this.#explained.inc({ result }, count);
  }

  policyReloaded(valid: boolean, source: "file" | "control"): void {
    this.#policyReloads.inc({ result: valid ? "valid" : "invalid", source });
  }

  scorecardReloaded(valid: boolean): void {
    this.#scorecardReloads.inc({ result: valid ? "valid" : "invalid" });
  }

  /**
   * Exports values that are read at each collection of metrics.
   *
   * @returns a function that ends the export
   */
  watchLists({ entries, areCurrent }: { entries: () => number; areCurrent: () => boolean }): () => void {
    const endings = [
      gauge("tripline_decisions_list_entries", { description: "List entries in memory" }, entries),
      gauge(
        "tripline_decisions_lists_current",
        { description: "1 if the lists were loaded and are kept up to date, otherwise 0" },
        () => Number(areCurrent()),
      ),
    ];
    return () => {
      for (const end of endings) end();
    };
  }

  listEntryIgnored(): void {
    this.#listEntriesIgnored.inc();
  }

  notEvaluated(cause: "fault" | "crash"): void {
    this.#notEvaluated.inc({ cause });
  }

  repliesLost(count: number): void {
    this.#repliesLost.inc(count);
  }
}

/** The scores of the champion and of a candidate. A missing score is not reported as 0. */
function scoresOf({ rung, score, trial }: Decision): (readonly [role: string, score: number])[] {
  const isCanary = trial?.trialRole === TrialRole.CANARY && trial.candidateScore !== undefined;
  const champion = isCanary ? trial.championScore : rung === Rung.MODEL ? score : undefined;
  const candidate = trial?.candidateScore;
  return [
    ...(champion === undefined ? [] : [["champion", champion] as const]),
    ...(candidate === undefined ? [] : [[isCanary ? "canary" : "shadow", candidate] as const]),
  ];
}
