// Runs jest as every test run does. As a program: the tests of one kind in the package where it is called, for turbo.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TESTS_TIMEOUT_MS = 3_600_000;

/** @param {string[]} args */
export function runJest(args) {
  const run = spawnSync(
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
  if (run.error !== undefined) process.stderr.write(`jest: ${run.error.message}\n`);
  return run.status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kind = "unit"] = process.argv.slice(2);
  process.exitCode = runJest(["--selectProjects", kind, "--passWithNoTests", "--", `${process.cwd()}/dist/`]);
}
