export type GuardName = "scores-missing" | "outcomes" | "latency" | "score-distribution" | "precision" | "model-card";

/** The result of one guard. */
export interface Finding {
  readonly guard: GuardName;
  /** Whether there was enough data to judge. */
  readonly isJudged: boolean;
  readonly isBreached: boolean;
  /** A sentence for users. */
  readonly text: string;
}

/**
 * The logarithm of the capital at which `score-distribution` and `outcomes` report a breach. For a candidate within its
 * limits, this happens in two of 10,000 rollouts at most, for each of the two guards.
 */
export const EVIDENCE_MIN = Math.log(10_000 / 2);
/** The same for `precision`: five of 10,000 rollouts, because labels are scarce. Together at most nine. */
export const LABEL_EVIDENCE_MIN = Math.log(10_000 / 5);

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
