import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { TriplineError } from "@tripline/contracts/error-table";
import { FileRegistry } from "../file/file-registry.js";
import { MANIFEST_FILE } from "../model-manifest.js";
import type { ListedVersion, ModelVersion } from "../model-registry.js";
import { openRegistry } from "../open-registry.js";
import { StoreRegistry } from "./store-registry.js";

/** Which of a model's versions are needed besides those with aliases. Versions that do not exist are ignored. */
type AlsoNeeded = (listed: readonly ListedVersion[]) => readonly string[];

/**
 * Used for training in Python, which supports only registries in folders and in MLflow: makes a registry in an object
 * store available as a folder, with the versions to which its aliases point. Publications and moves in the folder are
 * then repeated in the store.
 *
 * @param work receives the URL of the registry to use
 * @throws TriplineError `state-conflict` if the same alias has been moved concurrently; published versions are kept
 */
export async function withFolderRegistry<T>(
  url: string,
  name: string,
  work: (url: string) => Promise<T>,
  alsoNeeded?: AlsoNeeded,
): Promise<T> {
  const registry = openRegistry(url);
  return registry instanceof StoreRegistry ? withFolder(registry, name, work, alsoNeeded) : work(url);
}

/** Throws like `withFolderRegistry`. */
export async function withFolder<T>(
  registry: StoreRegistry,
  name: string,
  work: (url: string) => Promise<T>,
  alsoNeeded: AlsoNeeded = () => [],
): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), "tripline-registry-"));
  try {
    const folder = new FileRegistry(root);
    await copyVersions(registry, folder, name, alsoNeeded);
    const before = await movesOf(folder, name);
    const result = await work(pathToFileURL(root).href);
    const known = await registry.versions(name);
    for (const version of await folder.versions(name)) {
      if (known.includes(version)) continue;
      const published = await folder.resolve(name, version);
      await registry.store(published.manifest, await filesOf(published));
    }
    for (const move of (await movesOf(folder, name)).slice(before.length)) {
      const { alias, from, to, by, why, is_rollback: isRollback } = move;
      await registry.setAlias(name, alias, to, { expect: from, by, isRollback, ...(why === null ? {} : { why }) });
    }
    return result;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function copyVersions(
  registry: StoreRegistry,
  folder: FileRegistry,
  name: string,
  alsoNeeded: AlsoNeeded,
): Promise<void> {
  const listed = await orNone(registry.list(name));
  const needed = alsoNeeded(listed);
  for (const { version, aliases } of listed) {
    if (aliases.length === 0 && !needed.includes(version)) continue;
    const found = await registry.resolve(name, version);
    const manifest = Buffer.from(`${JSON.stringify(found.manifest, null, 2)}\n`);
    await folder.store(name, version, found.manifest, { ...(await filesOf(found)), [MANIFEST_FILE]: manifest });
    for (const alias of aliases) await folder.setAlias(name, alias, version);
  }
}

function movesOf(folder: FileRegistry, name: string) {
  return orNone(folder.history(name));
}

async function filesOf({ directory, manifest }: ModelVersion): Promise<Record<string, Uint8Array>> {
  const names = Object.keys(manifest.files);
  const files = await Promise.all(names.map(async (file) => [file, await readFile(join(directory, file))] as const));
  return Object.fromEntries(files);
}

/** For a model that may not exist yet. */
async function orNone<T>(listed: Promise<T[]>): Promise<T[]> {
  try {
    return await listed;
  } catch (error) {
    if (error instanceof TriplineError && error.code === "model-not-found") return [];
    throw error;
  }
}
