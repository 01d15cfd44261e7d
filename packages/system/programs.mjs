// The programs of apps/, and the file to run for each: the bundle if it exists and is newer than all of its inputs,
// otherwise the compiler's output.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * @param {string} root of the repository
 * @returns {string[]}
 */
export function programNames(root) {
  return readdirSync(join(root, "apps")).filter((name) => existsSync(compiledProgram(root, name)));
}

/**
 * @param {string} root
 * @param {string} name
 */
export function compiledProgram(root, name) {
  return join(root, "apps", name, "dist", "main.js");
}

/**
 * @param {string} root
 */
export function bundleFolder(root) {
  return join(root, "dist", "programs");
}

/**
 * @param {string} root
 */
export function inputsFile(root) {
  return join(bundleFolder(root), "inputs.json");
}

/**
 * @param {string} root
 * @param {string} name
 */
export function programFile(root, name) {
  const bundle = join(bundleFolder(root), `${name}.mjs`);
  return existsSync(bundle) && areBundlesFresh(root) ? bundle : compiledProgram(root, name);
}

/**
 * @param {string} root
 */
export function areBundlesFresh(root) {
  const bundledMs = statSync(inputsFile(root), { throwIfNoEntry: false })?.mtimeMs;
  if (bundledMs === undefined) return false;
  /** @type {string[]} */
  const inputs = JSON.parse(readFileSync(inputsFile(root), "utf8"));
  return inputs.every((input) => {
    const changedMs = statSync(join(root, input), { throwIfNoEntry: false })?.mtimeMs;
    return changedMs !== undefined && changedMs <= bundledMs;
  });
}
