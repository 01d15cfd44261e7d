// All checks that do not run Tripline: types, lint, style limits, dependency rules, contracts, documents. `npm run check`, and
// the first part of `npm test`. Slow checks are turbo tasks: they run again when one of their inputs has changed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { turboRun } from "../start/run-turbo.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHECK_TIMEOUT_MS = 300_000;
/** Optional programs that cached checks use. The checks rerun if one of these programs changes. */
const TOOLS = ["promtool", "amtool", "helm"];

/**
 * @typedef {{ name: string, ok: boolean, output: string, durationMs: number, cached?: boolean }} CheckResult
 * @typedef {{ task: string, cache: { status: string }, execution?: { startTime: number, endTime: number, exitCode: number }, logFile: string }} TurboTask
 */

/** The compiler runs first because other checks read its output. */
const TYPES = { name: "types", command: "tsc", args: ["-b"] };

/** Names of checks, by their task in tools/package.json. */
const CACHED = {
  lint: "lint, format and style limits",
  "check:dependencies": "dependency rules",
  "check:alerts": "alerts",
};

/** @type {{ name: string, command: string, args: string[], cwd?: string }[]} */
const QUICK = [
  { name: "types of the k6 scripts", command: "tsc", args: ["-p", "load-tests/k6"] },
  { name: "file length", command: "node", args: ["tools/check/check-length.mjs"] },
  { name: "unused code", command: "node", args: ["tools/check/check-unused.mjs"] },
  { name: "folder size", command: "node", args: ["tools/check/check-folders.mjs"] },
  { name: "plain English", command: "node", args: ["tools/check/check-english.mjs"] },
  { name: "evidence for controls", command: "node", args: ["tools/check/check-evidence.mjs"] },
  { name: "licences and install scripts", command: "node", args: ["tools/check/check-packages.mjs"] },
  { name: "secrets", command: "node", args: ["tools/check/check-secrets.mjs"] },
  { name: "contracts lint", command: "buf", args: ["lint"], cwd: "packages/contracts" },
  { name: "generated code is up to date", command: "node", args: ["tools/check/check-generated.mjs"] },
  { name: "documents are up to date", command: "node", args: ["tools/documents/write-documents.mjs", "--check"] },
  { name: "containers", command: "node", args: ["tools/check/check-containers.mjs"] },
  { name: "Helm chart", command: "node", args: ["tools/check/check-helm.mjs"] },
  { name: "infrastructure and workflows", command: "node", args: ["tools/check/check-infra.mjs"] },
];

/**
 * @param {(result: CheckResult) => void} onResult
 * @returns {CheckResult[]}
 */
export function runChecks(onResult) {
  /** @type {CheckResult[]} */
  const results = [];
  const add = (/** @type {CheckResult} */ result) => {
    results.push(result);
    onResult(result);
  };
  add(runCheck(TYPES));
  for (const result of runCached()) add(result);
  for (const check of QUICK) add(runCheck(check));
  return results;
}

/**
 * @param {{ name: string, command: string, args: string[], cwd?: string }} check
 * @returns {CheckResult}
 */
function runCheck({ name, command, args, cwd = "." }) {
  const startedAt = performance.now();
  const bin = join(ROOT, "node_modules", ".bin");
  const run = runProgram(join(bin, command), args, { cwd, PATH: `${bin}${delimiter}${process.env.PATH}` });
  return { name, ok: run.status === 0, output: run.output, durationMs: performance.now() - startedAt };
}

/** @returns {CheckResult[]} */
function runCached() {
  const options = ["--filter=@tripline/tools", "--continue", "--summarize", "--output-logs=none"];
  const { command, args, environment } = turboRun(ROOT, [...Object.keys(CACHED), ...options]);
  const run = runProgram(command, args, { ...environment, TRIPLINE_CHECK_TOOLS: TOOLS.map(describeTool).join(" ") });
  const summary = /^Summary: +(.+)$/m.exec(run.output)?.[1];
  /** @type {TurboTask[]} */
  const tasks = summary === undefined ? [] : JSON.parse(readFileSync(summary.trim(), "utf8")).tasks;
  return Object.entries(CACHED).map(([task, name]) => {
    const found = tasks.find((one) => one.task === task);
    const { exitCode = 1, startTime = 0, endTime = 0 } = found?.execution ?? {};
    const log = join(ROOT, found?.logFile ?? "");
    const output = found !== undefined && existsSync(log) ? readFileSync(log, "utf8") : run.output;
    return { name, ok: exitCode === 0, output, durationMs: endTime - startTime, cached: found?.cache.status === "HIT" };
  });
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} environment may contain `cwd`, the working directory relative to the root
 */
function runProgram(command, args, { cwd = ".", ...environment }) {
  const run = spawnSync(command, args, {
    cwd: join(ROOT, cwd),
    env: { ...process.env, ...environment },
    encoding: "utf8",
    timeout: CHECK_TIMEOUT_MS,
  });
  return { status: run.status, output: `${run.stdout ?? ""}${run.stderr ?? ""}${run.error?.message ?? ""}` };
}

/** Each version of a tool is a different file. @param {string} tool */
function describeTool(tool) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const file = folders.map((folder) => join(folder, tool)).find((path) => existsSync(path));
  return file === undefined ? `${tool}:none` : `${realpathSync(file)}:${statSync(file).size}:${statSync(file).mtimeMs}`;
}

/** @param {CheckResult} result */
export function printCheck({ name, ok, output, durationMs, cached = false }) {
  const took = cached ? "  cached" : `${(durationMs / 1000).toFixed(1).padStart(6)} s`;
  process.stdout.write(`  ${ok ? "✓" : "✗"} ${name.padEnd(44)} ${took}\n`);
  if (!ok) process.stdout.write(`${output}\n`);
  else for (const line of output.split("\n").filter(isSkip)) process.stdout.write(`    ${line}\n`);
}

/** A check without its tool says so, because a skipped check must be visible. */
const isSkip = (/** @type {string} */ line) => line.startsWith("skipped: ");

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const failed = runChecks(printCheck).filter((result) => !result.ok).length;
  process.exitCode = failed === 0 ? 0 : 1;
}
