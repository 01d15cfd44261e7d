/**
 * Lists, policy, models and audit are the control plane's: `/api/control/v1/…` forwards requests with the user's own
 * token and returns the response (apps/control's README and docs/policy.md, docs/lists.md, docs/model-rollout.md).
 */

export interface ServiceHealth {
  readonly name: string;
  readonly isReady: boolean;
  /** What does not work, and why; null where everything does. A service can be ready all the same. */
  readonly detail: string | null;
  /** Names of its checks and loops that work. */
  readonly works: readonly string[];
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

/** Work on the lake. With several instances of the archive, each reports only its own writes. */
export interface ArchiveJobs {
  readonly writing: readonly {
    readonly topic: string;
    /** Null until it has written once since its start. */
    readonly last: {
      readonly atMs: number;
      readonly tookMs: number;
      readonly rows: number;
      readonly files: number;
    } | null;
    /** Why it cannot write at the moment, in a sentence; it tries again. */
    readonly failure: string | null;
  }[];
  /** The last one; null where none has run. */
  readonly compaction: {
    readonly topic: string;
    readonly day: string;
    readonly atMs: number;
    readonly tookMs: number;
    /** Before; one is left. */
    readonly files: number;
    readonly rows: number;
    readonly failure: string | null;
  } | null;
  /** Snapshots of the window states; null if the archive is of a version that does not report them. */
  readonly snapshots: {
    /** Null if there is none. */
    readonly newestAtMs: number | null;
    /** 0 if none are taken at an interval. */
    readonly intervalHours: number;
    /** The last run; null if none has run. */
    readonly last: {
      readonly atMs: number;
      readonly tookMs: number;
      readonly states: number;
      readonly events: number;
      readonly failure: string | null;
    } | null;
  } | null;
}

/** `GET /api/health`. */
export interface HealthReport {
  readonly atMs: number;
  readonly services: readonly ServiceHealth[];
  readonly lag: readonly ConsumerLag[];
  readonly deadLetters: readonly DeadLetters[];
  /** Of the last five minutes, by rung of the ladder. */
  readonly rungs: Readonly<Record<string, number>>;
  /** Null where the archive does not tell. */
  readonly archive: ArchiveJobs | null;
}

/** `GET /api/models`: statistics of the champion and the candidate from the payments of the last hours. */
export interface ModelsReport {
  readonly champion: ModelFigures | null;
  /** The candidate's statistics where it decides and where it only scores. Either both are null or neither is. */
  readonly canary: ModelFigures | null;
  readonly shadow: ModelFigures | null;
  /** Payments by tenth of the score, champion's and candidate's: ten numbers each. */
  readonly histogram: { readonly champion: readonly number[]; readonly candidate: readonly number[] };
  /** Of the labelled payments, by tenth of the champion's score. */
  readonly calibration: readonly CalibrationBin[];
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
  /** Days that differ from others, the newest first. */
  readonly drifts: readonly Drift[];
}

export interface CalibrationBin {
  readonly meanScore: number;
  readonly fraudShare: number;
  readonly labels: number;
}

/** A day whose payments, scores or outcomes differ from the preceding days. Days are UTC. */
export interface Drift {
  readonly model: string;
  readonly day: string;
  readonly comparedFrom: string;
  readonly comparedTo: string;
  readonly payments: number;
  readonly sentence: string;
  /** The farthest above its threshold first. `distance` is the population stability index; of outcomes, a difference of log-odds. */
  readonly columns: readonly {
    readonly column: string;
    readonly kind: string;
    readonly distance: number;
    readonly threshold: number;
  }[];
}

/** `GET /api/models/:version`: the registry's data about a model. */
export interface ModelCard {
  readonly name: string;
  readonly version: string;
  readonly aliases: readonly string[];
  readonly createdAtMs: number;
  readonly featureSpecVersion: number;
  /** Those that change its score. */
  readonly features: readonly string[];
  /** How many the feature vector has. */
  readonly vectorFeatures: number;
  readonly training: {
    readonly fromMs: number | null;
    readonly toMs: number | null;
    /** Labels that arrived later were not used. */
    readonly knownByMs: number | null;
    readonly payments: number | null;
    readonly frauds: number | null;
    readonly dataSha256: string;
  };
  readonly commit: string | null;
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
  /** As the trainer names them, such as `valid.average_precision`. */
  readonly measures: readonly { readonly name: string; readonly value: number }[];
  /** Measured on payments that it was not trained on; empty if the trainer did not measure it. */
  readonly calibration: readonly CalibrationBin[];
  /** Of the same payments, so that a model that is weak in a part of them is seen to be. */
  readonly segments: readonly ModelSegment[];
}

/** Payments of a kind of amount, or of some hours. */
export interface ModelSegment {
  readonly kind: string;
  readonly name: string;
  readonly payments: number;
  readonly frauds: number;
  readonly meanScore: number;
  /** Null where there are too few frauds to tell. */
  readonly averagePrecision: number | null;
  readonly aucRoc: number | null;
}

export interface ModelFigures {
  readonly version: string;
  /** Payments that it scored. */
  readonly decisions: number;
  readonly meanScore: number | null;
  readonly labels: number;
  readonly frauds: number;
  /** Its mean scores of labelled payments. */
  readonly fraudScore: number | null;
  readonly genuineScore: number | null;
  /** Share that was not approved, and those of them that were fraud; null in shadow, where others decide. */
  readonly stoppedShare: number | null;
  readonly precision: number | null;
}
