// Runs jest as every test run does. As a program: the tests of one kind in the package where it is called, for turbo.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TESTS_TIMEOUT_MS = 3_600_000;

/**
 * @param {string[]} args
 * @returns {Promise<number>} its exit code
 */
export function runJest(args) {
  const run = spawn(
    join(ROOT, "node_modules", ".bin", "node"),
    [
      "--experimental-vm-modules",
      "--disable-warning=ExperimentalWarning",
      "node_modules/jest/bin/jest.js",
      "--config",
      "jest.config.js",
      ...args,
    ],
    {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      timeout: TESTS_TIMEOUT_MS,
      env: {
        // Programs that tests start, over and over, compile their modules once, as those of `npm run` do.
        NODE_COMPILE_CACHE: join(ROOT, ".tripline", "compile-cache"),
        ...process.env,
        PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}`,
      },
    },
  );
  return new Promise((resolve) => {
    run.once("error", (error) => {
      process.stderr.write(`jest: ${error.message}\n`);
      resolve(1);
    });
    run.once("exit", (status) => resolve(status ?? 1));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kind = "unit"] = process.argv.slice(2);
  process.exitCode = await runJest(["--selectProjects", kind, "--passWithNoTests", "--", `${process.cwd()}/dist/`]);
}
