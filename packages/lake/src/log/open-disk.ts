import { homedir } from "node:os";
import { join } from "node:path";
import { optionalText } from "@tripline/cloud-identity/identity-variables";
import { isStoreUrl, openStore } from "@tripline/object-store/open-store";
import { STORE_VARIABLES } from "@tripline/object-store/store-variables";
import { z } from "zod";
import { FileCache } from "./file-cache.js";
import { FolderDisk } from "./folder-disk.js";
import type { LakeDisk } from "./lake-disk.js";
import { StoreDisk } from "./store-disk.js";

const GIB = 1024 ** 3;

/** Default of `LAKE_CACHE_GIB`. */
export const CACHE_GIB_DEFAULT = 20;

/** For readers of a lake in an object store. An empty variable counts as unset. */
const cacheVariables = z.object({
  LAKE_CACHE_DIRECTORY: optionalText,
  LAKE_CACHE_GIB: z.coerce
    .number()
    .min(0)
    .transform((gib) => gib || CACHE_GIB_DEFAULT)
    .default(CACHE_GIB_DEFAULT),
});

/** Environment variables for opening a lake in an object store. */
export const LAKE_VARIABLES = [...STORE_VARIABLES, ...Object.keys(cacheVariables.shape)];

/** One per lake that this process uses, so that connections are reused. */
const opened = new Map<string, Promise<LakeDisk>>();

/**
 * Opens the file access of a lake.
 *
 * @param lake path or URL of a folder, or URL of an object store
 * @param environment source of the store's identity. Default: that of this process
 * @throws TriplineError `config-invalid` for any other URL
 */
export function openDisk(
  lake: string,
  // biome-ignore lint/style/noProcessEnv: like a store's identity, this applies to every program that reads a lake.
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<LakeDisk> {
  if (!isStoreUrl(lake) || lake.startsWith("file:")) return Promise.resolve(new FolderDisk());
  const known = opened.get(lake);
  if (known !== undefined) return known;
  const disk = openStoreDisk(lake, environment);
  opened.set(lake, disk);
  return disk;
}

async function openStoreDisk(
  lake: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<LakeDisk> {
  const { LAKE_CACHE_DIRECTORY: folder, LAKE_CACHE_GIB: gib } = cacheVariables.parse(environment);
  const cache = new FileCache(folder ?? join(homedir(), ".cache", "tripline", "lake"), gib * GIB);
  return new StoreDisk(await openStore(lake, environment), cache);
}
