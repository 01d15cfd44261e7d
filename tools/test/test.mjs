// `npm test`: installs and builds what is missing, then runs every check and every test, TypeScript and Python. `npm test --
// packages/kafka -t "dead letter"`: builds what is stale, and runs the selected tests. The last line is `N passed, N failed`.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { printCheck, runChecks } from "../check/check.mjs";
import { install } from "../start/install.mjs";
import { TOOLS } from "../start/tools.mjs";
import { describeTimes } from "./print-times.mjs";
import { runJest } from "./run-jest.mjs";
import { runProgram } from "./run-program.mjs";
import { PYTHON_TESTS, selectTests } from "./select-tests.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const NODE = join(ROOT, "node_modules", ".bin", "node");
const JEST_RESULT = join(ROOT, ".tripline", "jest-result.json");
const PYTEST_RESULT = join(ROOT, ".tripline", "pytest-result.xml");
const PYTEST_TIMEOUT_MS = 3_600_000;
/** Width of the column of commands in the help. */
const TOOL_WIDTH = 30;

const totals = { passed: 0, failed: 0 };
const words = process.argv.slice(2);

if (words.some((word) => ["--help", "-h"].includes(word))) process.stdout.write(help());
else process.exitCode = await runTests();

/** @returns {Promise<number>} the exit code */
async function runTests() {
  try {
    await (words.length === 0 ? testAll() : testSelected());
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    totals.failed += 1;
  }
  process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed\n`);
  return totals.failed === 0 && totals.passed > 0 ? 0 : 1;
}

function help() {
  const others = TOOLS.filter((tool) => tool.words.startsWith("test "));
  return `Usage: npx tripline test [<file or folder>…] [-t <title>] [<option of jest>…]

Without arguments: all checks and all tests, TypeScript and Python. With arguments: the selected tests, for example

  npx tripline test packages/kafka
  npx tripline test packages/kafka -t "dead letter"
  npx tripline test training/tests/core

Other tests:
${others.map(({ words: name, text }) => `  ${`npx tripline ${name}`.padEnd(TOOL_WIDTH)}${text}`).join("\n")}
`;
}

async function testAll() {
  /** @type {Map<string, number>} */
  const phases = new Map();
  /**
   * @template T
   * @param {string} name
   * @param {() => T | Promise<T>} work
   * @returns {Promise<T>}
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

  // The Python tests use about one core for a minute and a half. The TypeScript tests leave a core idle while they wait.
  const python = testAllPython(timed);
  process.stdout.write("\ntests in TypeScript\n");
  const typeScript = await timed("tests in TypeScript", () => testTypeScript([]));
  add(typeScript);
  for (const { folder, output, ...counts } of await python) {
    process.stdout.write(`\ntests in Python: ${folder}\n${output}`);
    add(counts);
  }
  process.stdout.write(`\n${describeTimes(phases, typeScript.files, ROOT)}`);
}

/** @param {<T>(name: string, work: () => Promise<T>) => Promise<T>} timed */
async function testAllPython(timed) {
  const results = [];
  for (const { folder, environment } of PYTHON_TESTS.filter(({ isLarge }) => !isLarge)) {
    const run = () => testPython(environment, [folder], "pipe");
    results.push({ folder, ...(await timed(`Python tests, in parallel: ${folder}`, run)) });
  }
  return results;
}

async function testSelected() {
  const { jest, python } = selectTests(words, ROOT, process.env.INIT_CWD);
  await install({ root: ROOT, isQuick: true });
  if (jest !== undefined) add(await testTypeScript(jest));
  for (const { environment, args } of python) add(await testPython(environment, args, "inherit"));
}

/** @param {{ passed: number, failed: number }} counts */
function add(counts) {
  totals.passed += counts.passed;
  totals.failed += counts.failed;
}

/** @param {string[]} args */
async function testTypeScript(args) {
  rmSync(JEST_RESULT, { force: true });
  await runJest(["--json", `--outputFile=${JEST_RESULT}`, ...args]);
  try {
    const result = JSON.parse(readFileSync(JEST_RESULT, "utf8"));
    // A suite that failed to load has no failed test of its own.
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    return { passed: result.numPassedTests, failed, files: result.testResults };
  } catch {
    return { passed: 0, failed: 1, files: [] };
  }
}

/**
 * @param {string} environment
 * @param {string[]} args
 * @param {"pipe" | "inherit"} shown where its output goes; `pipe` returns it
 */
async function testPython(environment, args, shown) {
  rmSync(PYTEST_RESULT, { force: true });
  const python = await runProgram(NODE, ["apps/cli/dist/main.js", "python", "--environment", environment], {
    shown: "pipe",
    timeoutMs: PYTEST_TIMEOUT_MS,
  });
  const interpreter = python.output.trim().split("\n").at(-1) ?? "";
  if (python.status !== 0 || interpreter === "") return { passed: 0, failed: 1, output: "" };
  // `keepBytecode` of packages/local-stack does the same for every other Python.
  const bytecode = { PYTHONPYCACHEPREFIX: join(interpreter, "../../bytecode"), PYTHONDONTWRITEBYTECODE: "" };
  // With more threads than free cores, OpenMP's threads spin while they wait for each other.
  const oneThread = { OMP_NUM_THREADS: "1" };
  // Without pytest's cache, which would appear in the tree while other tests copy it.
  const slowest = ["--durations=10", "--durations-min=1"];
  const pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", ...slowest, ...args, `--junitxml=${PYTEST_RESULT}`];
  const { output } = await runProgram(interpreter, pytest, {
    shown,
    timeoutMs: PYTEST_TIMEOUT_MS,
    environment: { ...bytecode, ...oneThread },
  });
  try {
    const suite = /<testsuite [^>]*>/.exec(readFileSync(PYTEST_RESULT, "utf8"))?.[0] ?? "";
    const count = (/** @type {string} */ name) => Number(new RegExp(`${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
    const failed = count("failures") + count("errors");
    return { passed: count("tests") - failed - count("skipped"), failed, output };
  } catch {
    return { passed: 0, failed: 1, output };
  }
}
