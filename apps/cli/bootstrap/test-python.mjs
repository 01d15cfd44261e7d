// `npm run test:spark`, `npm run test:drift`: tests in Python with an environment of their own, too large for `npm test`.
// Arguments: the environment, the folder of the tests, and whatever pytest shall be told. Ends with what pytest says.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { install } from "./install.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const NODE = join(ROOT, "node_modules", ".bin", "node");
const TESTS_TIMEOUT_MS = 900_000;

const [environment = "", folder = "", ...options] = process.argv.slice(2);

try {
  await install({ root: ROOT });
  process.exitCode = runTests();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

function runTests() {
  const python = run(NODE, ["apps/cli/dist/main.js", "python", "--environment", environment], "pipe");
  const interpreter = python.stdout?.trim().split("\n").at(-1) ?? "";
  if (python.status !== 0 || interpreter === "") return 1;
  return run(interpreter, ["-m", "pytest", folder, ...options], "inherit").status ?? 1;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {"pipe" | "inherit"} output
 */
function run(command, args, output) {
  const stdio = /** @type {const} */ (["ignore", output, "inherit"]);
  const result = spawnSync(command, args, { cwd: ROOT, stdio, encoding: "utf8", timeout: TESTS_TIMEOUT_MS });
  if (result.error !== undefined) process.stderr.write(`${command}: ${result.error.message}\n`);
  return result;
}
