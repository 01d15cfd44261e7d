// `npx tripline init --name acme-fraud --registry ghcr.io/acme --cloud aws [--dry-run]`: makes this repository your own, once.
// rename-rules.mjs says what is renamed and what is not.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installPackages } from "../start/install.mjs";
import { faultOf, OWN_FILES, renamedPath, renameRules, renameText } from "./rename-rules.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TEXT_BYTES_MAX = 5_000_000;
const TOOL_MS_MAX = 300_000;
const USAGE = "npx tripline init --name acme-fraud --registry ghcr.io/acme --cloud aws [--dry-run]";
const COMPILED_TEST = "packages/testing/dist/tools/init-template.test";

/** @typedef {{ path: string, target: string, text: string | undefined, counts: Map<string, number> }} Change */

try {
  process.exitCode = await run();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

async function run() {
  const { "dry-run": dryRun, ...project } = readOptions();
  const fault = faultOf(project);
  if (fault !== undefined) throw new Error(fault);
  const changes = planChanges(listFiles(), project);
  if (!changes.some(({ path }) => path === "package.json")) {
    throw new Error("This repository is already renamed: the name in its package.json is not tripline.");
  }
  if (dryRun) {
    printFiles(changes);
    printTotals(changes);
    process.stdout.write("\nNothing was changed: --dry-run.\n");
    return 0;
  }
  if (git("status", "--porcelain") !== "") {
    throw new Error("There are uncommitted changes: commit or remove them first, so that init can be undone.");
  }
  const biome = await formatter();
  for (const change of changes) apply(change);
  for (const path of OWN_FILES) fs.rmSync(join(ROOT, path), { force: true });
  removeCompiledTest();
  format(biome);
  printTotals(changes);
  printNext(project);
  return 0;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        name: { type: "string" },
        registry: { type: "string" },
        cloud: { type: "string" },
        "dry-run": { type: "boolean", default: false },
      },
    });
    const { name, registry, cloud, ...rest } = values;
    if (name === undefined || registry === undefined || cloud === undefined) {
      throw new Error("--name, --registry and --cloud are all required");
    }
    return { name, registry, cloud, ...rest };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}: ${USAGE}`);
  }
}

/** @param {string[]} args */
function git(...args) {
  const run = spawnSync("git", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 100_000_000, timeout: TOOL_MS_MAX });
  if (run.status === 0) return run.stdout;
  const why = (run.error?.message ?? run.stderr).trim();
  throw new Error(
    `init requires a git repository, so that it can find the files to rename and be undone; git reports: ${why}`,
  );
}

function listFiles() {
  return git("ls-files", "-z")
    .split("\0")
    .filter((path) => path !== "" && !OWN_FILES.includes(path));
}

/**
 * @param {readonly string[]} paths
 * @param {import("./rename-rules.mjs").Project} project
 * @returns {Change[]}
 */
function planChanges(paths, project) {
  const rules = renameRules(project);
  return paths.flatMap((path) => {
    const text = readText(path);
    const renamed = text === undefined ? undefined : renameText(path, text, rules);
    const target = renamedPath(path, project);
    if (target === path && (renamed === undefined || renamed.text === text)) return [];
    return [{ path, target, text: renamed?.text, counts: renamed?.counts ?? new Map() }];
  });
}

/**
 * A file's content, or undefined if it is not text.
 *
 * @param {string} path
 */
function readText(path) {
  const file = join(ROOT, path);
  const found = fs.lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.size > TEXT_BYTES_MAX) return undefined;
  const bytes = fs.readFileSync(file);
  return bytes.includes(0) ? undefined : bytes.toString("utf8");
}

/** @param {Change} change */
function apply({ path, target, text }) {
  const to = join(ROOT, target);
  if (target !== path) {
    fs.mkdirSync(dirname(to), { recursive: true });
    fs.renameSync(join(ROOT, path), to);
    removeEmptyFolders(dirname(join(ROOT, path)));
  }
  // Written in place, so that the file keeps its mode.
  if (text !== undefined) fs.writeFileSync(to, text);
}

/** @param {string} folder */
function removeEmptyFolders(folder) {
  for (let at = folder; at.startsWith(ROOT) && fs.readdirSync(at).length === 0; at = dirname(at)) fs.rmdirSync(at);
}

/** Tests run compiled files, so outdated ones would still run. */
function removeCompiledTest() {
  for (const end of [".js", ".js.map", ".d.ts"]) fs.rmSync(join(ROOT, `${COMPILED_TEST}${end}`), { force: true });
}

/** The formatter is installed, if missing, before anything is changed. */
async function formatter() {
  const biome = join(ROOT, "node_modules", ".bin", "biome");
  if (!fs.existsSync(biome)) {
    process.stdout.write("\nInstalling the packages, because the formatter is one of them; nothing is built.\n");
    await installPackages(ROOT);
  }
  return biome;
}

/**
 * Renaming changes the order of imports and the line breaks.
 *
 * @param {string} biome
 */
function format(biome) {
  const run = spawnSync(biome, ["check", "--write", "--colors=off", "."], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: TOOL_MS_MAX,
    env: { ...process.env, PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}` },
  });
  if (run.status !== 0) {
    throw new Error(`Everything was renamed, but formatting failed; run npm run fix: \n${run.stdout}${run.stderr}`);
  }
  const terraform = ["tofu", "terraform"].find((tool) => spawnSync(tool, ["version"]).status === 0);
  if (terraform !== undefined)
    spawnSync(terraform, ["fmt", "-recursive", "infra"], { cwd: ROOT, timeout: TOOL_MS_MAX });
  else
    process.stdout.write("Neither tofu nor terraform is installed: run `tofu fmt -recursive infra` before CI does.\n");
}

/** @param {readonly Change[]} changes */
function printFiles(changes) {
  for (const { path, target, counts } of changes) {
    const said = [...counts].map(([what, count]) => `${what} ×${count}`).join(", ");
    process.stdout.write(`  ${path}${target === path ? "" : ` → ${target}`}${said === "" ? "" : `  ${said}`}\n`);
  }
}

/** @param {readonly Change[]} changes */
function printTotals(changes) {
  /** @type {Map<string, { names: number, files: number }>} */
  const totals = new Map();
  for (const [what, count] of changes.flatMap(({ counts }) => [...counts])) {
    const total = totals.get(what) ?? { names: 0, files: 0 };
    totals.set(what, { names: total.names + count, files: total.files + 1 });
  }
  process.stdout.write("\n");
  for (const [what, { names, files }] of totals) process.stdout.write(`${what}: ${names} in ${files} files\n`);
  const moved = changes.filter(({ path, target }) => path !== target).length;
  process.stdout.write(`moved: ${moved} files\nremoved: ${OWN_FILES.join(", ")}\n`);
}

/** @param {import("./rename-rules.mjs").Project} project */
function printNext({ name, cloud }) {
  process.stdout.write(`
This repository is now ${name}. Next:
  git add --all && git commit -m "init: ${name}"
  docs/your-data.md                             try it with your own payments
  npm test                                      installs the renamed packages and tests them
  infra/envs/${cloud}/*.tfvars and *.tfbackend${" ".repeat(Math.max(1, 13 - cloud.length))}replace what is marked \`# yours\`
  the variable TRIPLINE_CLOUD=${cloud} of the GitHub repository turns its workflows on
`);
}
