export type GuardName = "scores-missing" | "outcomes" | "latency" | "score-distribution" | "precision" | "model-card";

/** The result of one guard. */
export interface Finding {
  readonly guard: GuardName;
  /** Whether there was enough data to judge. */
  readonly isJudged: boolean;
  readonly isBreached: boolean;
  /** A sentence for users. */
  readonly text: string;
  /** How close the guard is to a breach; absent if the guard compares no number with a limit. */
  readonly figure?: Figure;
  /** The data that the guard, or the next step, needs. */
  readonly data?: readonly DataCount[];
}

/** A number that a guard compares with its limit. */
export interface Figure {
  /** `share`: a share of payments or cards. `evidence`: the logarithm of the evidence against a harmless difference. */
  readonly kind: "share" | "evidence";
  readonly value: number;
  readonly limit: number;
}

/** How much data of one kind there is. If both models need it, `count` is the smaller number of the two. */
export interface DataCount {
  readonly kind: "cards" | "payments" | "labels" | "mature-labels";
  readonly count: number;
  readonly needed: number;
}

/**
 * The logarithm of the capital at which `score-distribution` and `outcomes` report a breach. For a candidate within its
 * limits, this happens in two of 10,000 rollouts at most, for each of the two guards.
 */
export const EVIDENCE_MIN = Math.log(10_000 / 2);
/** The same for `precision`: five of 10,000 rollouts, because labels are scarce. Together at most nine. */
export const LABEL_EVIDENCE_MIN = Math.log(10_000 / 5);

const EVIDENCE_SHOWN_MAX = 1_000;

/** The figure of a test. `log` is the logarithm of its capital. The value is bounded, because JSON has no infinity. */
export function evidence(log: number, limit: number): Figure {
  return { kind: "evidence", value: Math.min(Math.max(0, log), EVIDENCE_SHOWN_MAX), limit };
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
