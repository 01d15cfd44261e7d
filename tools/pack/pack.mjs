// `npx tripline pack`: packs the packages that are useful without Tripline, as tarballs that npm can install. pnpm
// packs them, because it replaces `workspace:` and `catalog:` with versions, which npm would not do.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { install } from "../start/install.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PACK_MS_MAX = 120_000;

try {
  const { values } = parseArgs({
    options: {
      to: { type: "string", default: join(ROOT, ".tripline", "packages") },
      // For the tests, which run after a full build.
      "skip-build": { type: "boolean", default: false },
    },
  });
  if (!values["skip-build"]) await install({ root: ROOT });
  pack(resolve(values.to));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

/** @param {string} folder */
function pack(folder) {
  mkdirSync(folder, { recursive: true });
  const { packageManager } = readManifest("package.json");
  const filters = publishedPackages().flatMap((name) => ["--filter", name]);
  const run = spawnSync("npx", ["--yes", packageManager, ...filters, "pack", "--pack-destination", folder], {
    cwd: ROOT,
    encoding: "utf8",
    // npx runs the version in package.json; pnpm need not check it again.
    env: { ...process.env, PNPM_CONFIG_PM_ON_FAIL: "ignore" },
    timeout: PACK_MS_MAX,
  });
  if (run.status !== 0) throw new Error(`pnpm could not pack: ${run.error?.message ?? run.stdout + run.stderr}`);
  for (const file of run.stdout.split("\n").filter((line) => line.endsWith(".tgz"))) process.stdout.write(`${file}\n`);
}

/** Names of the packages that are not private. */
function publishedPackages() {
  const folders = readdirSync(join(ROOT, "packages"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const manifests = folders.map(({ name }) => readManifest(join("packages", name, "package.json")));
  return manifests.flatMap((manifest) => (manifest.private === false ? [manifest.name] : []));
}

/** @param {string} path */
function readManifest(path) {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8"));
}
