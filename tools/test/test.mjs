// `npm test`: installs and builds what is missing, then every check and every test, TypeScript and Python.
// `npm test -- packages/kafka -t "dead letter"`: builds what is stale, and runs the tests that are selected.
// Ends with `N passed, N failed` alone on a line.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { printCheck, runChecks } from "../check/check.mjs";
import { install } from "../start/install.mjs";
import { describeTimes } from "./print-times.mjs";
import { runJest } from "./run-jest.mjs";
import { PYTHON_TESTS, selectTests } from "./select-tests.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const NODE = join(ROOT, "node_modules", ".bin", "node");
const JEST_RESULT = join(ROOT, ".tripline", "jest-result.json");
const PYTEST_RESULT = join(ROOT, ".tripline", "pytest-result.xml");
const PYTEST_TIMEOUT_MS = 3_600_000;

const totals = { passed: 0, failed: 0 };
const words = process.argv.slice(2);

try {
  await (words.length === 0 ? testAll() : testSelected());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  totals.failed += 1;
}
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed\n`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;

async function testAll() {
  /** @type {Map<string, number>} */
  const phases = new Map();
  /**
   * @template T
   * @param {string} name
   * @param {() => T} work
   */
  const timed = async (name, work) => {
    const startedMs = performance.now();
    const result = await work();
    phases.set(name, performance.now() - startedMs);
    return result;
  };
  await timed("install and build", () => install({ root: ROOT }));
  process.stdout.write("\nchecks\n");
  await timed("checks", () => {
    for (const result of runChecks(printCheck)) totals[result.ok ? "passed" : "failed"] += 1;
  });

  process.stdout.write("\ntests in TypeScript\n");
  const typeScript = await timed("tests in TypeScript", () => testTypeScript([]));
  add(typeScript);

  for (const { folder, environment } of PYTHON_TESTS.filter(({ isLarge }) => !isLarge)) {
    process.stdout.write(`\ntests in Python: ${folder}\n`);
    await timed(`tests in Python: ${folder}`, () => add(testPython(environment, [folder])));
  }
  process.stdout.write(`\n${describeTimes(phases, typeScript.files, ROOT)}`);
}

async function testSelected() {
  const { jest, python } = selectTests(words, ROOT, process.env.INIT_CWD);
  await install({ root: ROOT, isQuick: true });
  if (jest !== undefined) add(testTypeScript(jest));
  for (const { environment, args } of python) add(testPython(environment, args));
}

/** @param {{ passed: number, failed: number }} counts */
function add(counts) {
  totals.passed += counts.passed;
  totals.failed += counts.failed;
}

/** @param {string[]} args */
function testTypeScript(args) {
  rmSync(JEST_RESULT, { force: true });
  runJest(["--json", `--outputFile=${JEST_RESULT}`, ...args]);
  try {
    const result = JSON.parse(readFileSync(JEST_RESULT, "utf8"));
    // A suite that could not even be loaded has no failed test of its own.
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    return { passed: result.numPassedTests, failed, files: result.testResults };
  } catch {
    return { passed: 0, failed: 1, files: [] };
  }
}

/**
 * @param {string} environment
 * @param {string[]} args
 */
function testPython(environment, args) {
  rmSync(PYTEST_RESULT, { force: true });
  const python = run(NODE, ["apps/cli/dist/main.js", "python", "--environment", environment], "pipe");
  const interpreter = python.stdout?.trim().split("\n").at(-1) ?? "";
  if (python.status !== 0 || interpreter === "") return { passed: 0, failed: 1 };
  // As `keepBytecode` of packages/local-stack says it to every other Python.
  const bytecode = { PYTHONPYCACHEPREFIX: join(interpreter, "../../bytecode"), PYTHONDONTWRITEBYTECODE: "" };
  run(interpreter, ["-m", "pytest", "-q", ...args, `--junitxml=${PYTEST_RESULT}`], "inherit", bytecode);
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
 * @param {"pipe" | "inherit"} output
 * @param {Record<string, string>} environment
 */
function run(command, args, output, environment = {}) {
  const result = spawnSync(command, args, {
    cwd: ROOT,
    stdio: ["ignore", output, "inherit"],
    encoding: "utf8",
    timeout: PYTEST_TIMEOUT_MS,
    env: { ...process.env, ...environment, PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}` },
  });
  if (result.error !== undefined) process.stderr.write(`${command}: ${result.error.message}\n`);
  return result;
}
