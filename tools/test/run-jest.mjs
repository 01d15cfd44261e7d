// Runs jest as every test run does. As a program: runs the current package's tests of one kind, for turbo.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "./run-program.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TESTS_TIMEOUT_MS = 3_600_000;

/**
 * @param {string[]} args
 * @returns {Promise<number>} its exit code
 */
export async function runJest(args) {
  const { status } = await runProgram(
    join(ROOT, "node_modules", ".bin", "node"),
    ["node_modules/jest/bin/jest.js", "--config", "jest.config.js", ...args],
    {
      shown: "inherit",
      timeoutMs: TESTS_TIMEOUT_MS,
      environment: {
        // Programs that tests start repeatedly use Node's compile cache, like the programs of `npm run`.
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(ROOT, ".tripline", "compile-cache"),
        // Python programs share the cores with other tests. With more threads than free cores, OpenMP's threads spin.
        OMP_NUM_THREADS: "1",
      },
    },
  );
  return status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kind = "unit"] = process.argv.slice(2);
  process.exitCode = await runJest(["--selectProjects", kind, "--passWithNoTests", "--", `${process.cwd()}/dist/`]);
}
