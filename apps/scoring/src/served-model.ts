import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import type { RequestBatcher } from "./batch-requests.js";
import type { ExecutionProvider } from "./config.js";

/** A model that takes requests. Whoever takes it keeps to it: its batcher ends what it was given, replaced or not. */
export interface ServedModel {
  readonly manifest: ModelManifest;
  readonly providers: readonly ExecutionProvider[];
  readonly batcher: RequestBatcher;
}
