import { lutimesSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The time of every file. Not the commit's: what did not change stays the same layer from commit to commit. */
const EPOCH_SECONDS = 0;

/**
 * One time stamp for everything: it is part of a layer's digest.
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
