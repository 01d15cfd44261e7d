import { lutimesSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The timestamp of every file. It does not depend on the commit, so that an unchanged layer stays identical. */
const EPOCH_SECONDS = 0;

/**
 * Sets the same timestamp on all files and folders, because timestamps are part of a layer's digest.
 *
 * @param {string} path
 */
export function setTimes(path) {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) setTimes(join(path, entry.name));
    else lutimesSync(join(path, entry.name), EPOCH_SECONDS, EPOCH_SECONDS);
  }
  lutimesSync(path, EPOCH_SECONDS, EPOCH_SECONDS);
}
