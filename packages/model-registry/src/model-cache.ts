import { randomBytes } from "node:crypto";
import { readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import { FileRegistry } from "./file/file-registry.js";
import { readFinished, writeFileAtomically } from "./file/write-atomically.js";
import type { ModelManifest } from "./model-manifest.js";
import { isVersion } from "./model-manifest.js";
import type { ModelVersion } from "./model-registry.js";

/** Versions of one model that are kept; the one that was used longest ago goes first. */
export const VERSIONS_CACHED_MAX = 5;

/**
 * Versions of a remote registry on this machine's disk, in the layout of a registry in files, with the last known target of
 * each alias: so that a service can start while the remote one is away. What is cached is verified like anything else.
 */
export class ModelCache {
  private readonly files: FileRegistry;
  private readonly written = new Map<string, string>();

  constructor(private readonly root: string) {
    this.files = new FileRegistry(root);
  }

  /** Undefined if the version is not cached, or if it is damaged; then it is deleted. */
  async find(name: string, version: string): Promise<ModelVersion | undefined> {
    try {
      const model = await this.files.resolve(name, version);
      const now = new Date();
      await utimes(model.directory, now, now).catch(() => undefined);
      return model;
    } catch (error) {
      if (!(error instanceof TriplineError) || error.code === "internal") throw this.#unusable(error);
      if (error.code === "model-refused") await this.#remove(this.#versionPath(name, version));
      return undefined;
    }
  }

  /** @throws TriplineError `model-refused` when the files are not what the manifest says */
  async store(manifest: ModelManifest, files: Readonly<Record<string, Uint8Array>>): Promise<ModelVersion> {
    const { name, version } = manifest;
    try {
      const stored = await this.files.store(name, version, manifest, files);
      await this.#dropOld(name, version);
      return stored;
    } catch (error) {
      if (error instanceof TriplineError && error.code === "model-refused") {
        await this.#remove(this.#versionPath(name, version));
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

  /** The version that the alias named when the remote registry was last there. */
  async rememberedAlias(name: string, alias: string): Promise<string | undefined> {
    const text = await readFile(this.#aliasPath(name, alias), "utf8").catch(() => "");
    return isVersion(text.trim()) ? text.trim() : undefined;
  }

  async #dropOld(name: string, newest: string): Promise<void> {
    const others = (await readFinished(join(this.root, "models", name, "versions"))).filter((one) => one !== newest);
    const used = await Promise.all(
      others.map(async (version) => {
        const path = this.#versionPath(name, version);
        return { path, atMs: (await stat(path).catch(() => undefined))?.mtimeMs ?? 0 };
      }),
    );
    used.sort((a, b) => b.atMs - a.atMs);
    await Promise.all(used.slice(VERSIONS_CACHED_MAX - 1).map(({ path }) => this.#remove(path)));
  }

  /** Renamed in one step, so that nobody finds a part of it. */
  async #remove(path: string): Promise<void> {
    const gone = join(path, "..", `.tmp-${randomBytes(8).toString("hex")}`);
    await rename(path, gone).catch(() => undefined);
    await rm(gone, { recursive: true, force: true });
  }

  #versionPath(name: string, version: string): string {
    return join(this.root, "models", name, "versions", version);
  }

  #aliasPath(name: string, alias: string): string {
    return join(this.root, "models", name, "aliases", alias);
  }

  #unusable(cause: unknown): TriplineError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new TriplineError(
      "config-invalid",
      `The model cache ${this.root} cannot be used: ${reason} Name another folder with MODEL_CACHE_DIRECTORY.`,
      [],
      { cause },
    );
  }
}
