// `npx tripline test init`: runs all tests of the last commit, renamed as another project. It clones into a temporary folder,
// runs init there, and then everything that `npm test` runs. Exits with the tests' exit code. The short form is
// packages/testing/src/tools/init-template.test.ts, which `npm test` runs.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Everything is installed, compiled and tested from scratch, possibly on a busy machine. */
const TESTS_MS_MAX = 3 * 3_600_000;
const COMMITTER = ["-c", "user.name=test", "-c", "user.email=test@example.com"];

try {
  process.exitCode = testRenamed();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

/** @returns {number} the exit code of the renamed project's tests */
function testRenamed() {
  const { values } = parseArgs({
    options: {
      name: { type: "string", default: "acme-fraud" },
      registry: { type: "string", default: "ghcr.io/acme" },
      cloud: { type: "string", default: "aws" },
      keep: { type: "boolean", default: false },
    },
  });
  if (run("git", ["status", "--porcelain"], { cwd: ROOT, quiet: true }).stdout !== "") {
    process.stdout.write("Uncommitted changes are ignored: the last commit is tested.\n");
  }
  const folder = mkdtempSync(join(tmpdir(), "tripline-renamed-"));
  const copy = join(folder, values.name);
  try {
    expectSuccess("git", ["clone", "--quiet", ROOT, copy], { cwd: folder });
    const { name, registry, cloud } = values;
    const options = ["--name", name, "--registry", registry, "--cloud", cloud];
    expectSuccess("npm", ["run", "--silent", "tripline", "--", "init", ...options], { cwd: copy, quiet: true });
    expectSuccess("git", ["add", "--all"], { cwd: copy });
    expectSuccess("git", [...COMMITTER, "commit", "--quiet", "--message", `init: ${name}`], { cwd: copy });
    process.stdout.write(`\n${name} in ${copy}\n`);
    return run("npm", ["test"], { cwd: copy }).status ?? 1;
  } finally {
    if (!values.keep) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, quiet?: boolean }} options quiet: suppresses its output
 */
function expectSuccess(command, args, options) {
  const { status, stdout, stderr } = run(command, args, options);
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")} exited with ${status}:\n${stdout ?? ""}${stderr ?? ""}`);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, quiet?: boolean }} options
 */
function run(command, args, { cwd, quiet = false }) {
  return spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: TESTS_MS_MAX,
    maxBuffer: 100_000_000,
    stdio: ["ignore", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
    // npm passes its scripts the folder from which it was called; here, that must be the copy.
    env: { ...process.env, INIT_CWD: cwd, CI: "true" },
  });
}
