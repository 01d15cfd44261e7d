import { randomBytes } from "node:crypto";
import { readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import { FileRegistry } from "./file/file-registry.js";
import { readFinished, writeDirectory, writeFileAtomically } from "./file/write-atomically.js";
import type { ModelManifest } from "./model-manifest.js";
import { isVersion, MANIFEST_FILE, SCORECARD_FILE } from "./model-manifest.js";
import type { ModelVersion } from "./model-registry.js";
import { verified } from "./prepare-publication.js";

/** Folder for scorecards that were read without their models. Each has its own folder, with its version's manifest. */
const SCORECARDS_FOLDER = "scorecards";

/**
 * Maximum number of cached versions per model, not counting those with an alias. The least recently used version is
 * deleted first.
 */
export const VERSIONS_CACHED_MAX = 5;

/**
 * Versions of a remote registry on local disk, in the layout of a file registry, with the last known target of each
 * alias, so that a service can start while the remote registry is unavailable. Cached files are verified like all other
 * files.
 */
export class ModelCache {
  private readonly files: FileRegistry;
  private readonly scorecards: FileRegistry;
  private readonly written = new Map<string, string>();

  constructor(private readonly root: string) {
    this.files = new FileRegistry(root);
    this.scorecards = new FileRegistry(join(root, SCORECARDS_FOLDER));
  }

  /** Undefined if the version is not cached or is damaged; a damaged version is deleted. */
  find(name: string, version: string): Promise<ModelVersion | undefined> {
    return this.#found(this.files.resolve(name, version), this.#versionPath(name, version));
  }

  /** Like `find`, but only for the version's scorecard. */
  findScorecard(name: string, version: string): Promise<Uint8Array | undefined> {
    return this.#found(this.scorecards.scorecard(name, version), this.#versionPath(name, version, SCORECARDS_FOLDER));
  }

  async #found<T>(reading: Promise<T>, path: string): Promise<T | undefined> {
    try {
      const found = await reading;
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return found;
    } catch (error) {
      if (!(error instanceof TriplineError) || error.code === "internal") throw this.#unusable(error);
      if (error.code === "model-refused") await this.#remove(path);
      return undefined;
    }
  }

  /** @throws TriplineError `model-refused` if the files do not match the manifest */
  store(manifest: ModelManifest, files: Readonly<Record<string, Uint8Array>>): Promise<ModelVersion> {
    const { name, version } = manifest;
    const all = { ...files, [MANIFEST_FILE]: textOf(manifest) };
    return this.#stored(manifest, "", () => this.files.store(name, version, manifest, all));
  }

  /** @throws TriplineError `model-refused` if the bytes do not match the manifest */
  storeScorecard(manifest: ModelManifest, bytes: Uint8Array): Promise<Uint8Array> {
    const { name, version } = manifest;
    const path = this.#versionPath(name, version, SCORECARDS_FOLDER);
    const files = { [SCORECARD_FILE]: verified(bytes, SCORECARD_FILE, manifest), [MANIFEST_FILE]: textOf(manifest) };
    return this.#stored(manifest, SCORECARDS_FOLDER, async () => {
      await writeDirectory(path, files);
      return bytes;
    });
  }

  async #stored<T>({ name, version }: ModelManifest, folder: string, write: () => Promise<T>): Promise<T> {
    try {
      const stored = await write();
      await this.#dropOld(name, version, folder);
      return stored;
    } catch (error) {
      if (error instanceof TriplineError && error.code === "model-refused") {
        await this.#remove(this.#versionPath(name, version, folder));
        throw error;
      }
      throw this.#unusable(error);
    }
  }

  async rememberAlias(name: string, alias: string, version: string): Promise<void> {
    const key = `${name}@${alias}`;
    if (this.written.get(key) === version) return;
    try {
      await writeFileAtomically(this.#aliasPath(name, alias), Buffer.from(`${version}\n`));
    } catch (error) {
      throw this.#unusable(error);
    }
    this.written.set(key, version);
  }

  /** The version to which the alias pointed when the remote registry was last available. */
  async rememberedAlias(name: string, alias: string): Promise<string | undefined> {
    const text = await readFile(this.#aliasPath(name, alias), "utf8").catch(() => "");
    return isVersion(text.trim()) ? text.trim() : undefined;
  }

  /** Never deletes the target of an alias, because a service may not read it for months but then need it to restart. */
  async #dropOld(name: string, newest: string, folder: string): Promise<void> {
    const all = await readFinished(join(this.root, folder, "models", name, "versions"));
    const aliases = await readFinished(join(this.root, "models", name, "aliases"));
    const named = await Promise.all(aliases.map((alias) => this.rememberedAlias(name, alias)));
    const others = all.filter((one) => one !== newest && !named.includes(one));
    const used = await Promise.all(
      others.map(async (version) => {
        const path = this.#versionPath(name, version, folder);
        return { path, atMs: (await stat(path).catch(() => undefined))?.mtimeMs ?? 0 };
      }),
    );
    used.sort((a, b) => b.atMs - a.atMs);
    await Promise.all(used.slice(VERSIONS_CACHED_MAX - 1).map(({ path }) => this.#remove(path)));
  }

  /** Renames it atomically first, so that no reader finds it partly deleted. */
  async #remove(path: string): Promise<void> {
    const gone = join(path, "..", `.tmp-${randomBytes(8).toString("hex")}`);
    await rename(path, gone).catch(() => undefined);
    await rm(gone, { recursive: true, force: true });
  }

  #versionPath(name: string, version: string, folder = ""): string {
    return join(this.root, folder, "models", name, "versions", version);
  }

  #aliasPath(name: string, alias: string): string {
    return join(this.root, "models", name, "aliases", alias);
  }

  #unusable(cause: unknown): TriplineError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new TriplineError(
      "config-invalid",
      `The model cache ${this.root} is unusable: ${reason} Set MODEL_CACHE_DIRECTORY to another folder.`,
      [],
      { cause },
    );
  }
}

function textOf(manifest: ModelManifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}
