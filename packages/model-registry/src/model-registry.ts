import type { GoldenBatch, ModelManifest } from "./model-manifest.js";

/** One published model, read and verified against the checksums in its manifest. */
export interface ModelVersion {
  readonly name: string;
  /** The first 12 hexadecimal digits of the sha256 of the model's bytes. */
  readonly version: string;
  readonly directory: string;
  readonly manifest: ModelManifest;
  readonly modelPath: string;
  /** The bytes that were verified: whoever loads these cannot meet a file that changed since. */
  readonly modelBytes: Uint8Array;
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
  readonly manifest: Omit<ModelManifest, "name" | "version" | "files">;
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
  /** Names of all models, sorted. */
  models(): Promise<string[]>;
  /** Versions of a model that are wholly published, sorted. */
  versions(name: string): Promise<string[]>;
  /** All versions of a model with their aliases, oldest first; a damaged one is listed with its fault. */
  list(name: string): Promise<ListedVersion[]>;
  /** Points an alias at a version that exists and passes verification. Atomic. */
  setAlias(name: string, alias: string, version: string): Promise<void>;
  /**
   * Adds a version. It appears whole or not at all, whoever else publishes at the same time. Publishing what is there
   * already changes nothing and returns what is there; the same model with another meaning (features, spec version,
   * tensors) is refused.
   */
  publish(publication: Publication): Promise<ModelVersion>;
}
