// `npm run test:unit`: the tests without processes and servers, package by package, if an input has changed since they last
// passed. turbo caches passed runs.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { installPackages } from "../start/install.mjs";
import { turboRun } from "../start/run-turbo.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const TESTS_TIMEOUT_MS = 1_200_000;
/** Jest runs three tests at a time in each package; more concurrent packages would not be faster. */
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
