import type { GoldenBatch, ModelManifest } from "./model-manifest.js";

/** One published model, read and verified against the checksums in its manifest. */
export interface ModelVersion {
  readonly name: string;
  /** The first 12 hexadecimal digits of the sha256 of the model's bytes. */
  readonly version: string;
  readonly directory: string;
  readonly manifest: ModelManifest;
  readonly modelPath: string;
  /** The verified bytes: a file may have changed since, these cannot. */
  readonly modelBytes: Uint8Array;
  /** The verified bytes of its tensor twin, if it was published with one. */
  readonly twinBytes?: Uint8Array | undefined;
  readonly golden: GoldenBatch;
}

/** One line of a listing. */
export interface ListedVersion {
  readonly version: string;
  readonly aliases: readonly string[];
  /** Absent where the manifest cannot be read; `fault` then says why. */
  readonly manifest?: ModelManifest;
  readonly fault?: string;
}

/** What a trainer hands over. The registry adds name, version and checksums to the manifest. */
export interface Publication {
  readonly name: string;
  readonly modelBytes: Uint8Array;
  readonly golden: GoldenBatch;
  /** The bytes of its scorecard, if it has one. */
  readonly scorecard?: Uint8Array;
  /** The bytes of its tensor twin, if it has one. Programs that run it compare the two. */
  readonly twinBytes?: Uint8Array;
  readonly manifest: Omit<ModelManifest, "name" | "version" | "files">;
}

/** One recorded move of an alias. */
export interface AliasMove {
  readonly alias: string;
  /** The version that it named before; null where there was no such alias. */
  readonly from: string | null;
  readonly to: string;
  /** RFC 3339. */
  readonly at: string;
  /** Who moved it. */
  readonly by: string;
  readonly why: string | null;
  /** Whether it went back to a version that it named before; a second roll back then goes on to the one before that. */
  readonly is_rollback: boolean;
}

/** Options of a move. */
export interface MoveOptions {
  /** Move it only if it names this version; null: only if there is no such alias. By default whatever it names. */
  readonly expect?: string | null;
  /** Who moves it, at most 200 characters; by default the user of this process. */
  readonly by?: string;
  /** The reason, at most 1,000 characters. */
  readonly why?: string;
  readonly isRollback?: boolean;
}

/**
 * Models by name, version and alias.
 *
 * Every method rejects with a TriplineError: `model-not-found` when a name, version or alias is not there, with what is
 * there instead; `model-refused` when something is there that cannot be trusted, with the reason; `invalid-field` when
 * a name is not one; `internal` when the store itself fails.
 */
export interface ModelRegistry {
  /** Reads one version by its number or by an alias, and verifies all of its files. */
  resolve(name: string, aliasOrVersion: string): Promise<ModelVersion>;
  /** The version that an alias names; reads nothing else, so it may be asked often. */
  aliasTarget(name: string, alias: string): Promise<string>;
  /**
   * The scorecard that was published with a version, verified, without reading the model; undefined where there is none.
   */
  scorecard(name: string, version: string): Promise<Uint8Array | undefined>;
  /** Names of all models, sorted. */
  models(): Promise<string[]>;
  /** Versions of a model that are wholly published, sorted. */
  versions(name: string): Promise<string[]>;
  /** All versions of a model with their aliases, oldest first; a damaged one is listed with its fault. */
  list(name: string): Promise<ListedVersion[]>;
  /**
   * Points an alias at a version that exists and passes verification. Atomic, and remembered with who, when and why.
   *
   * @throws TriplineError `state-conflict` when the alias does not name the version that is expected
   */
  setAlias(name: string, alias: string, version: string, options?: MoveOptions): Promise<AliasMove>;
  /**
   * Adds a version. It appears completely or not at all, whoever else publishes at the same time. Publishing what is there
   * already changes nothing and returns what is there; the same model with another meaning (features, spec version,
   * tensors) is refused.
   */
  publish(publication: Publication): Promise<ModelVersion>;
}

/** A registry with a history of its aliases. */
export interface RecordingRegistry extends ModelRegistry {
  /** Moves of all aliases of a model, oldest first; the newest 200 at least where there were as many. */
  history(name: string): Promise<AliasMove[]>;
}
