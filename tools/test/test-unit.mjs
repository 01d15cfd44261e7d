// `npm run test:unit`: the tests that start no process and need no server, package by package, each when something it reads
// has changed since it last passed. turbo keeps what passed.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { installPackages } from "../start/install.mjs";
import { turboRun } from "../start/run-turbo.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const TESTS_TIMEOUT_MS = 1_200_000;
/** Jest runs three tests at a time in each package; more packages at once only wait for each other. */
const PACKAGES_AT_ONCE = 2;

try {
  await installPackages(ROOT);
  const options = ["--continue", `--concurrency=${PACKAGES_AT_ONCE}`, "--output-logs=new-only"];
  const { command, args, environment } = turboRun(ROOT, ["test:unit", ...options]);
  const run = spawnSync(command, args, {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
    timeout: TESTS_TIMEOUT_MS,
    env: { ...process.env, ...environment },
  });
  process.exitCode = run.status ?? 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
