import type { GoldenBatch, ModelManifest } from "./model-manifest.js";

/** A published model, verified against the checksums in its manifest. */
export interface ModelVersion {
  readonly name: string;
  /** The first 12 hexadecimal digits of the sha256 of the model's bytes. */
  readonly version: string;
  readonly directory: string;
  readonly manifest: ModelManifest;
  readonly modelPath: string;
  /** The verified bytes. The file may have changed since. */
  readonly modelBytes: Uint8Array;
  /** The verified bytes of its tensor twin, if it was published with one. */
  readonly twinBytes?: Uint8Array | undefined;
  readonly golden: GoldenBatch;
}

/** One line of a listing. */
export interface ListedVersion {
  readonly version: string;
  readonly aliases: readonly string[];
  /** Absent if the manifest cannot be read; `fault` then contains the reason. */
  readonly manifest?: ModelManifest;
  readonly fault?: string;
}

/** A trainer's input. The registry adds name, version and checksums to the manifest. */
export interface Publication {
  readonly name: string;
  readonly modelBytes: Uint8Array;
  readonly golden: GoldenBatch;
  /** The bytes of its scorecard, if it has one. */
  readonly scorecard?: Uint8Array;
  /** The bytes of its tensor twin, if it has one. Programs that run the twin check it against the model. */
  readonly twinBytes?: Uint8Array;
  readonly manifest: Omit<ModelManifest, "name" | "version" | "files">;
}

/** One recorded move of an alias. */
export interface AliasMove {
  readonly alias: string;
  /** The version to which it pointed before; null if the alias did not exist. */
  readonly from: string | null;
  readonly to: string;
  /** RFC 3339. */
  readonly at: string;
  /** Who moved it. */
  readonly by: string;
  readonly why: string | null;
  /** Whether the move returned to an earlier version; another rollback then goes back one more version. */
  readonly is_rollback: boolean;
}

/** Options of a move. */
export interface MoveOptions {
  /**
   * Move the alias only if it points to this version; null: only if it does not exist. Default: move it
   * unconditionally.
   */
  readonly expect?: string | null;
  /** Who moves it, at most 200 characters. Default: the user of this process. */
  readonly by?: string;
  /** The reason, at most 1,000 characters. */
  readonly why?: string;
  readonly isRollback?: boolean;
}

/**
 * Models by name, version and alias.
 *
 * Every method rejects with a TriplineError: `model-not-found` if a name, version or alias does not exist (lists the
 * existing ones); `model-refused` if a model cannot be trusted (states the reason); `invalid-field` for an invalid
 * name; `internal` if the store itself fails.
 */
export interface ModelRegistry {
  /** Reads one version, by its id or an alias, and verifies all of its files. */
  resolve(name: string, aliasOrVersion: string): Promise<ModelVersion>;
  /** The version to which an alias points. Reads nothing else, so frequent calls are cheap. */
  aliasTarget(name: string, alias: string): Promise<string>;
  /** The verified scorecard of a version, without reading the model; undefined if there is none. */
  scorecard(name: string, version: string): Promise<Uint8Array | undefined>;
  /** Names of all models, sorted. */
  models(): Promise<string[]>;
  /** Completely published versions of a model, sorted. */
  versions(name: string): Promise<string[]>;
  /** All versions of a model with their aliases, oldest first; a damaged one is listed with its fault. */
  list(name: string): Promise<ListedVersion[]>;
  /**
   * Atomically points an alias at an existing version that passes verification, and records who did this, when and why.
   *
   * @throws TriplineError `state-conflict` if the alias does not point to the expected version
   */
  setAlias(name: string, alias: string, version: string, options?: MoveOptions): Promise<AliasMove>;
  /**
   * Adds a version. It appears completely or not at all, even with concurrent publishers. Publishing an existing
   * version changes nothing and returns it; the same model with different features, spec version or tensors is
   * rejected.
   */
  publish(publication: Publication): Promise<ModelVersion>;
}

/** A registry with a history of its aliases. */
export interface RecordingRegistry extends ModelRegistry {
  /** Moves of all aliases of a model, oldest first; at least the newest 200. */
  history(name: string): Promise<AliasMove[]>;
}
