/** One feature of a scorecard. */
export interface ScoredFeature {
  readonly name: string;
  /** Its place in the vector. */
  readonly index: number;
  /** Float32 values, ascending. */
  readonly edges: readonly number[];
  /** Log odds, one for each bin: below the first edge, from one edge up to the next, from the last edge on. */
  readonly weights: readonly number[];
}

/** The checked logistic model that is used if the model's score is missing. Made by `parseScorecard` only. */
export interface Scorecard {
  /** `scorecard@` and the first 12 hex digits of the SHA-256 of its text. */
  readonly version: string;
  /** Version of the feature spec that its features were looked up in. */
  readonly specVersion: number;
  /** Log odds before any feature has said something. */
  readonly intercept: number;
  /** In the order of the file, which is the order of the sum. */
  readonly features: readonly ScoredFeature[];
}

/** Name of the model in decisions whose score the scorecard gave. */
export const SCORECARD_NAME = "scorecard";

/** What decisions call the scorecard whose text has this SHA-256, in hex. */
export function scorecardVersion(sha256: string): string {
  return `${SCORECARD_NAME}@${sha256.slice(0, 12)}`;
}
