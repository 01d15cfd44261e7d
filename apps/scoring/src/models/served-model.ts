import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import type { ModelTally } from "../inference/model-tally.js";
import type { BatchLimits, RequestBatcher } from "../inference/request-batcher.js";
import type { ExecutionProvider } from "./execution-providers.js";

/** Name of the second output of an explainable model: how much each feature moved the score. */
export const CONTRIBUTIONS = "contributions";

/** A model that takes requests. Requests stay with the model they began with: its batcher finishes them even after a swap. */
export interface ServedModel {
  readonly manifest: ModelManifest;
  /** Those that run at least one node of the model, in order of preference. */
  readonly providers: readonly ExecutionProvider[];
  /** Threads that run it. */
  readonly workers: number;
  readonly limits: BatchLimits;
  /** Why there are no contributions; undefined where there are. */
  readonly unexplained: string | undefined;
  readonly batcher: RequestBatcher;
  readonly tally: ModelTally;
}
