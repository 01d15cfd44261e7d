import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import type { ModelTally } from "../inference/model-tally.js";
import type { BatchLimits, RequestBatcher } from "../inference/request-batcher.js";
import type { ExecutionProvider } from "./execution-providers.js";

/** Name of the second output of an explainable model, which says how much each feature moved the score. */
export const CONTRIBUTIONS = "contributions";

/** A model that accepts requests. After a swap, the batcher of the old model finishes its requests. */
export interface ServedModel {
  readonly manifest: ModelManifest;
  /** Providers that run at least one node of the model, in order of preference. */
  readonly providers: readonly ExecutionProvider[];
  /** Number of threads. */
  readonly workers: number;
  readonly limits: BatchLimits;
  /** The reason why contributions are unavailable; undefined if they are available. */
  readonly unexplained: string | undefined;
  readonly batcher: RequestBatcher;
  readonly tally: ModelTally;
}
