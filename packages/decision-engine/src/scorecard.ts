/** One feature of a scorecard. */
export interface ScoredFeature {
  readonly name: string;
  /** Its index in the vector. */
  readonly index: number;
  /** Float32 values, ascending. */
  readonly edges: readonly number[];
  /** Log odds, one per bin: below the first edge, between edges, and at or above the last edge. */
  readonly weights: readonly number[];
}

/** The validated logistic model that is used if the model's score is missing. Only `parseScorecard` creates it. */
export interface Scorecard {
  /** `scorecard@` and the first 12 hex digits of the SHA-256 of its text. */
  readonly version: string;
  /** Version of the feature spec that defines the indexes of its features. */
  readonly specVersion: number;
  /** Log odds before any feature contributes. */
  readonly intercept: number;
  /** In the order of the file, which is the order of summation. */
  readonly features: readonly ScoredFeature[];
}

/** The model name in decisions that use the scorecard's score. */
export const SCORECARD_NAME = "scorecard";

/** The version in decisions of the scorecard whose text has this SHA-256, in hex. */
export function scorecardVersion(sha256: string): string {
  return `${SCORECARD_NAME}@${sha256.slice(0, 12)}`;
}
