// Installs the packages of the lockfile and builds. Needs only Node with npm.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { areBundlesFresh } from "../../packages/system/programs.mjs";
import { stalePages } from "./build-pages.mjs";
import { pnpmVersion } from "./run-turbo.mjs";
import { isCompiled, stampOfSources } from "./stamp-sources.mjs";
import { stepPrinter } from "./step-line.mjs";

const INSTALL_MS_MAX = 10 * 60_000;
const BUILD_MS_MAX = 10 * 60_000;
const TAIL_LINES = 15;
/**
 * Projects that are compiled at a time, with one checker each. By default, each has four, which check the types of the libraries
 * again: a whole build then takes twice the CPU time.
 */
const BUILDERS_MAX = 4;
const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/**
 * @param {import("./install.mjs").InstallOptions} options
 */
export async function install({ root, onStep = stepPrinter(), isQuick = false, startsSystem = false }) {
  const packages = await timed("install packages", onStep, () => installPackages(root));
  const build = await timed("build", onStep, () => (isQuick ? buildStale(root) : buildAll(root, startsSystem)));
  return [packages, build];
}

/**
 * @param {string} name
 * @param {(step: import("./install.mjs").InstallStep) => void} onStep
 * @param {() => Promise<void>} work
 */
async function timed(name, onStep, work) {
  onStep({ name, state: "start" });
  const startedMs = performance.now();
  try {
    await work();
  } catch (error) {
    onStep({ name, state: "failed", durationMs: performance.now() - startedMs });
    throw error;
  }
  const durationMs = Math.round(performance.now() - startedMs);
  onStep({ name, state: "done", durationMs });
  return { name, durationMs };
}

/** @param {string} root */
export async function installPackages(root) {
  const marker = join(root, "node_modules", ".tripline-installed");
  const wanted = hashOfInputs(root);
  if (fs.existsSync(marker) && fs.readFileSync(marker, "utf8") === wanted) return;
  await runLogged({
    root,
    purpose: "install the packages",
    logName: "install-packages",
    args: ["--yes", `pnpm@${pnpmVersion(root)}`, "install", "--frozen-lockfile"],
    // Otherwise, pnpm would ask before it replaces a node_modules of another kind, and there is no user to answer.
    environment: { CI: "true", PNPM_CONFIG_PM_ON_FAIL: "ignore" },
    timeoutMs: INSTALL_MS_MAX,
  });
  fs.writeFileSync(marker, wanted);
}

/**
 * @param {string} root
 * @param {boolean} startsSystem whether the command starts a system: then only the programs are built, and the servers and the
 *   training's Python environment are downloaded concurrently
 */
async function buildAll(root, startsSystem) {
  const markers = [".tripline-built", ".tripline-built-programs"].map((name) => join(root, "node_modules", name));
  const [marker = "", ofPrograms = ""] = markers;
  const sources = stampOfSources(root);
  const isMarked = (/** @type {string} */ file) => fs.existsSync(file) && fs.readFileSync(file, "utf8") === sources;
  const isBuilt = startsSystem ? markers.some(isMarked) : isMarked(marker) && isCompiled(root);
  if (isBuilt && stalePages(root).length === 0 && areBundlesFresh(root)) return;
  if (startsSystem) {
    await compile(root, ["packages/local-stack"]);
    fetchTools(root);
  }
  await compile(root, startsSystem ? programFolders(root) : []);
  const bundle = runLogged({
    root,
    purpose: "bundle the programs",
    logName: "bundle",
    timeoutMs: BUILD_MS_MAX,
    command: process.execPath,
    args: [join(root, "tools", "start", "bundle-programs.mjs")],
  });
  await Promise.all([bundle, buildPages(root)]);
  fs.writeFileSync(startsSystem ? ofPrograms : marker, sources);
}

/** @param {string} root */
async function buildStale(root) {
  await compile(root, []);
  await buildPages(root);
}

/**
 * Runs the compiler without turbo, which would start it per package and read other packages' declarations each time.
 *
 * @param {string} root
 * @param {string[]} folders all by default
 */
async function compile(root, folders) {
  const builders = Math.min(BUILDERS_MAX, os.availableParallelism());
  const command = join(root, "node_modules", ".bin", "tsc");
  await runLogged({
    root,
    purpose: "build",
    logName: "build",
    timeoutMs: BUILD_MS_MAX,
    command,
    args: ["-b", "--checkers", "1", "--builders", String(builders), ...folders],
  });
}

/** @param {string} root */
async function buildPages(root) {
  for (const page of stalePages(root)) {
    await runLogged({
      root,
      purpose: `build ${page}`,
      logName: "build-page",
      timeoutMs: BUILD_MS_MAX,
      command: join(root, page, "node_modules", ".bin", "vite"),
      args: ["build", page, "--logLevel=warn"],
    });
  }
}

/** @param {string} root */
function programFolders(root) {
  const apps = fs.readdirSync(join(root, "apps")).map((name) => join("apps", name));
  return apps.filter((folder) => fs.existsSync(join(root, folder, "tsconfig.json")));
}

/**
 * Downloads in the background. A failed download is retried, and reported, when it is needed.
 *
 * @param {string} root
 */
function fetchTools(root) {
  const program = join(root, "packages", "local-stack", "dist", "provision", "main.js");
  const child = spawn(join(root, "node_modules", ".bin", "node"), [program], { stdio: "ignore" });
  child.once("error", () => {});
  child.unref();
  process.once("exit", () => child.kill());
}

/**
 * @param {{ root: string, purpose: string, logName: string, command?: string, args: string[], environment?: Record<string, string>, timeoutMs: number }} run
 * @returns {Promise<void>}
 */
async function runLogged({ root, purpose, logName, command = "npx", args, environment = {}, timeoutMs }) {
  const logs = join(root, ".tripline", "logs");
  fs.mkdirSync(logs, { recursive: true });
  const logFile = join(logs, `${logName}.log`);
  const log = fs.openSync(logFile, "w");
  try {
    const outcome = await new Promise((resolve) => {
      const child = spawn(command, args, {
        cwd: root,
        stdio: ["ignore", log, log],
        env: { ...process.env, ...environment },
        timeout: timeoutMs,
        killSignal: "SIGKILL",
        // Runs in its own process group, so that the whole group can be ended, because npx does not end its child.
        detached: true,
      });
      const unwatch = endOnSignals(child);
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => {
        unwatch();
        resolve(code === 0 ? "" : `it exited with ${signal ?? `code ${code}`}`);
      });
    });
    if (outcome !== "") {
      const tail = fs.readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
      throw new Error(`Could not ${purpose}: ${outcome}. The log is ${logFile}; its last lines:\n${tail}`);
    }
  } finally {
    fs.closeSync(log);
  }
}

/**
 * On Ctrl-C and similar signals the child's whole group ends with this process.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @returns {() => void} removes the handlers
 */
function endOnSignals(child) {
  const kill = () => child.pid !== undefined && process.kill(-child.pid, "SIGTERM");
  const exit = (/** @type {"SIGINT" | "SIGTERM" | "SIGHUP"} */ signal) =>
    process.exit(128 + os.constants.signals[signal]);
  process.on("exit", kill);
  for (const signal of SIGNALS) process.on(signal, exit);
  return () => {
    process.off("exit", kill);
    for (const signal of SIGNALS) process.off(signal, exit);
  };
}

/**
 * All inputs that determine the content of node_modules.
 *
 * @param {string} root
 */
function hashOfInputs(root) {
  const manifests = ["apps", "packages"].flatMap((group) =>
    fs
      .readdirSync(join(root, group))
      .sort()
      .flatMap((name) => [join(group, name, "package.json"), join(group, name, "web", "package.json")]),
  );
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\0`);
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", ...manifests]) {
    const path = join(root, file);
    if (fs.existsSync(path)) hash.update(`${file}\0`).update(fs.readFileSync(path));
  }
  return hash.digest("hex");
}

if (process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await install({ root: fileURLToPath(new URL("../..", import.meta.url)) });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
