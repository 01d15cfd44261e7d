/**
 * Lists, policy, models and audit belong to the control plane: `/api/control/v1/…` forwards requests with the user's
 * own token and returns the response (apps/control's README and docs/policy.md, docs/lists.md, docs/model-rollout.md).
 */

export interface ServiceHealth {
  readonly name: string;
  readonly isReady: boolean;
  /** A description of the faults and their causes; null if there are none. The service may still be ready. */
  readonly detail: string | null;
  /** Names of its working checks and loops. */
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

/** Work on the lake. If the archive has several instances, each one reports only its own writes. */
export interface ArchiveJobs {
  readonly writing: readonly {
    readonly topic: string;
    /** Null until the first write after startup. */
    readonly last: {
      readonly atMs: number;
      readonly tookMs: number;
      readonly rows: number;
      readonly files: number;
    } | null;
    /** The reason why it currently cannot write, as a sentence. It keeps retrying. */
    readonly failure: string | null;
  }[];
  /** The last compaction of the lake; null if none has run. */
  readonly compaction: {
    readonly atMs: number;
    readonly tookMs: number;
    /** Number of compacted days, summed over all topics. */
    readonly days: number;
    /** Files that were merged, and the files into which they were merged. */
    readonly files: number;
    readonly merged: number;
    readonly rows: number;
    /** Days of topics that still have too many files. */
    readonly daysLeft: number;
    readonly failure: string | null;
  } | null;
  /** Snapshots of the window states; null if the archive's version does not report them. */
  readonly snapshots: {
    /** Time of the newest snapshot; null if there is none. */
    readonly newestAtMs: number | null;
    /** 0 if no snapshots are scheduled. */
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
  /** The last publication of the lake as Iceberg tables; null if it was never published. */
  readonly publication: {
    readonly atMs: number;
    readonly tookMs: number;
    /** Tables that were changed, and files that were added to them. */
    readonly tables: number;
    readonly files: number;
    readonly failure: string | null;
  } | null;
}

/** Response of `GET /api/health`. */
export interface HealthReport {
  readonly atMs: number;
  readonly services: readonly ServiceHealth[];
  readonly lag: readonly ConsumerLag[];
  readonly deadLetters: readonly DeadLetters[];
  /** Decisions in the last five minutes by fallback level. */
  readonly rungs: Readonly<Record<string, number>>;
  /** Null if the archive does not report it. */
  readonly archive: ArchiveJobs | null;
}

/** `GET /api/models`: statistics of the champion and the candidate from the payments of the last hours. */
export interface ModelsReport {
  readonly champion: ModelFigures | null;
  /** The candidate's statistics in canary and in shadow. Either both are null or neither is. */
  readonly canary: ModelFigures | null;
  readonly shadow: ModelFigures | null;
  /** Payments by tenth of the score, for the champion and the candidate: ten numbers each. */
  readonly histogram: { readonly champion: readonly number[]; readonly candidate: readonly number[] };
  /** Payments that are old enough and have a verdict, by tenth of the champion's score. */
  readonly calibration: readonly CalibrationBin[];
  readonly maturity: Maturity;
  /** Figures by hour, oldest first. */
  readonly hours: readonly {
    readonly atMs: number;
    readonly decisions: number;
    readonly meanScore: number | null;
    readonly declinedShare: number | null;
  }[];
  /** Days with drift, newest first. */
  readonly drifts: readonly Drift[];
}

/**
 * The payments from which precision, calibration and other label-based figures are computed. Frauds are labelled
 * before genuine payments, so recent payments would bias these figures.
 */
export interface Maturity {
  /** Days within which 95 % of the labels arrive; null without labels. */
  readonly delayDays: number | null;
  /** Only payments before this time are used; null without labels. */
  readonly beforeMs: number | null;
  /** Number of payments with a verdict in the 30 days before that time, for all models. */
  readonly payments: number;
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
  /** Farthest above its threshold first. `distance` is the PSI or, for outcomes, a difference of log odds. */
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
  /** Features that change its score. */
  readonly features: readonly string[];
  /** Number of features in the vector. */
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
  /** With the trainer's names, such as `valid.average_precision`. */
  readonly measures: readonly { readonly name: string; readonly value: number }[];
  /** What the model saves compared with the champion at the time, as a sentence; null if no costs were given. */
  readonly money: string | null;
  /** Measured on payments on which the model was not trained; empty if the trainer did not measure it. */
  readonly calibration: readonly CalibrationBin[];
  /** Performance by segment, measured on the same payments, which reveals weak segments. */
  readonly segments: readonly ModelSegment[];
}

/** Payments in a range of amounts or hours. */
export interface ModelSegment {
  readonly kind: string;
  readonly name: string;
  readonly payments: number;
  readonly frauds: number;
  readonly meanScore: number;
  /** Null if there are too few frauds. */
  readonly averagePrecision: number | null;
  readonly aucRoc: number | null;
  /** Observed frauds divided by expected frauds. Null for models that were registered before this was measured. */
  readonly calibration: MeasuredRatio | null;
  /** The share of genuine payments whose score is at least `band`. */
  readonly falsePositives: (MeasuredRatio & { readonly band: number }) | null;
}

/** A ratio with its 95 % confidence interval, from samples of whole cards. */
export interface MeasuredRatio {
  /** Null if the ratio is undefined. */
  readonly value: number | null;
  /** Null if there are too few cards. */
  readonly low: number | null;
  readonly high: number | null;
}

export interface ModelFigures {
  readonly version: string;
  /** Number of payments that the model scored in the last hours. */
  readonly decisions: number;
  readonly meanScore: number | null;
  /** Number of payments that are old enough and have a verdict, and of frauds among them. */
  readonly labels: number;
  readonly frauds: number;
  /** Its mean score of payments labelled as fraud, and as genuine. */
  readonly fraudScore: number | null;
  readonly genuineScore: number | null;
  /** Share of payments not approved. Like `precision`, null for a model in shadow, which decides nothing. */
  readonly stoppedShare: number | null;
  /** Share of frauds among the payments with a verdict that were not approved. */
  readonly precision: number | null;
}
