// `npm test`: installs and builds what is missing, then every check and every test, TypeScript and Python.
// Ends with `N passed, N failed` alone on a line.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { printCheck, runChecks } from "./check.mjs";
import { install } from "./install.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const JEST_RESULT = join(ROOT, ".tripline", "jest-result.json");
const PYTEST_RESULT = join(ROOT, ".tripline", "pytest-result.xml");
/** Folders of tests in Python, each with the environment that runs it. */
const PYTHON_TESTS = [
  { folder: "training/tests/core", environment: "training" },
  { folder: "training/tests/models", environment: "models" },
  { folder: "training/feature_repo", environment: "feature-repo" },
];
const TESTS_TIMEOUT_MS = 3_600_000;

const totals = { passed: 0, failed: 0 };

await install({ root: ROOT });

process.stdout.write("\nchecks\n");
for (const result of runChecks(printCheck)) totals[result.ok ? "passed" : "failed"] += 1;

process.stdout.write("\ntests in TypeScript\n");
add(runJest());

for (const { folder, environment } of PYTHON_TESTS) {
  process.stdout.write(`\ntests in Python: ${folder}\n`);
  add(runPytest(folder, environment));
}

process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed\n`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;

/** @param {{ passed: number, failed: number }} counts */
function add(counts) {
  totals.passed += counts.passed;
  totals.failed += counts.failed;
}

function runJest() {
  rmSync(JEST_RESULT, { force: true });
  run(join(ROOT, "node_modules", ".bin", "node"), [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    "node_modules/jest/bin/jest.js",
    "--config",
    "jest.config.js",
    "--json",
    `--outputFile=${JEST_RESULT}`,
    ...process.argv.slice(2),
  ]);
  try {
    const result = JSON.parse(readFileSync(JEST_RESULT, "utf8"));
    // A suite that could not even be loaded has no failed test of its own.
    return { passed: result.numPassedTests, failed: result.numFailedTests + result.numRuntimeErrorTestSuites };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

/**
 * @param {string} folder
 * @param {string} environment
 */
function runPytest(folder, environment) {
  rmSync(PYTEST_RESULT, { force: true });
  const find = ["apps/cli/dist/main.js", "python", "--environment", environment];
  const python = run(join(ROOT, "node_modules", ".bin", "node"), find, true);
  const interpreter = python.stdout?.trim().split("\n").at(-1) ?? "";
  if (python.status !== 0 || interpreter === "") return { passed: 0, failed: 1 };
  run(interpreter, ["-m", "pytest", "-q", folder, `--junitxml=${PYTEST_RESULT}`]);
  try {
    const suite = /<testsuite [^>]*>/.exec(readFileSync(PYTEST_RESULT, "utf8"))?.[0] ?? "";
    const count = (/** @type {string} */ name) => Number(new RegExp(`${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
    const failed = count("failures") + count("errors");
    return { passed: count("tests") - failed - count("skipped"), failed };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args, capture = false) {
  const result = spawnSync(command, args, {
    cwd: ROOT,
    stdio: ["ignore", capture ? "pipe" : "inherit", "inherit"],
    encoding: "utf8",
    timeout: TESTS_TIMEOUT_MS,
    env: { ...process.env, PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}` },
  });
  if (result.error !== undefined) process.stderr.write(`${command}: ${result.error.message}\n`);
  return result;
}
