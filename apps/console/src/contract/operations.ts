/**
 * Lists, policy, models and audit are the control plane's: `/api/control/v1/…` forwards to it with the person's own token
 * and answers what it answers (apps/control's README and docs/policy.md, docs/lists.md, docs/model-rollout.md).
 */

export interface ServiceHealth {
  readonly name: string;
  readonly isReady: boolean;
  /** Why not, in a sentence. */
  readonly detail: string | null;
}

export interface ConsumerLag {
  readonly group: string;
  readonly topic: string;
  readonly records: number;
}

export interface DeadLetters {
  readonly topic: string;
  readonly records: number;
}

/** `GET /api/health`. */
export interface HealthReport {
  readonly atMs: number;
  readonly services: readonly ServiceHealth[];
  readonly lag: readonly ConsumerLag[];
  readonly deadLetters: readonly DeadLetters[];
  /** Of the last five minutes, by rung of the ladder. */
  readonly rungs: Readonly<Record<string, number>>;
}

/** `GET /api/models`: what the payments of the last hours say of the model that decides and of the one that is tried. */
export interface ModelsReport {
  readonly champion: ModelFigures | null;
  readonly candidate: ModelFigures | null;
  /** Payments by tenth of the score, champion's and candidate's: ten numbers each. */
  readonly histogram: { readonly champion: readonly number[]; readonly candidate: readonly number[] };
  /** Mean score and share of frauds among labelled payments, by tenth of the champion's score. */
  readonly calibration: readonly { readonly meanScore: number; readonly fraudShare: number; readonly labels: number }[];
  /** By hour, oldest first. */
  readonly hours: readonly {
    readonly atMs: number;
    readonly decisions: number;
    readonly meanScore: number | null;
    readonly declinedShare: number | null;
    readonly labels: number;
    /** Of the payments that were stopped, those that were fraud. */
    readonly precision: number | null;
  }[];
}

export interface ModelFigures {
  readonly version: string;
  readonly decisions: number;
  readonly meanScore: number | null;
  readonly labels: number;
  readonly frauds: number;
  readonly precision: number | null;
}
