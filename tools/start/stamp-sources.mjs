// Detects changes since the last build by file times, in about 50 ms, because turbo needs 1.7 s to detect that nothing
// has changed.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const FILES = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "tsconfig.base.json", "turbo.json"];
const UNREAD = new Set(["node_modules", "dist", ".turbo"]);

/**
 * A hash of the names, sizes and times of all build inputs.
 *
 * @param {string} root
 * @returns {string}
 */
export function stampOfSources(root) {
  const hash = createHash("sha256");
  for (const file of FILES) note(hash, join(root, file));
  for (const folder of packageFolders(root)) noteFolder(hash, join(root, folder));
  return hash.digest("hex");
}

/**
 * Whether every package has been compiled.
 *
 * @param {string} root
 */
export function isCompiled(root) {
  return packageFolders(root)
    .filter((folder) => existsSync(join(root, folder, "tsconfig.json")))
    .every((folder) => existsSync(join(root, folder, "dist", ".tsbuildinfo")));
}

/** @param {string} root */
function packageFolders(root) {
  const grouped = ["apps", "packages"].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => join(group, name)),
  );
  return [...grouped, "load-tests", "tools"].filter((folder) => existsSync(join(root, folder, "package.json")));
}

/**
 * @param {import("node:crypto").Hash} hash
 * @param {string} folder
 */
function noteFolder(hash, folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!UNREAD.has(entry.name)) noteFolder(hash, path);
    } else if (entry.isFile()) note(hash, path);
  }
}

/**
 * @param {import("node:crypto").Hash} hash
 * @param {string} file
 */
function note(hash, file) {
  const { size, mtimeMs } = statSync(file);
  hash.update(`${file}\0${size}\0${mtimeMs}\0`);
}
