// Everything that is checked without running Tripline: types, lint, style limits, dependency rules, contracts, documents.
// `npm run check`, and the first part of `npm test`.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CHECK_TIMEOUT_MS = 300_000;

/**
 * @typedef {{ name: string, ok: boolean, output: string, durationMs: number }} CheckResult
 */

/** Folders of source code: the dependency rules count imports of types, which compiled code does not have. */
function sourceFolders() {
  const grouped = ["apps", "packages"].flatMap((group) =>
    readdirSync(join(ROOT, group), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(group, entry.name, "src")),
  );
  const loadTests = ["src", "peers", "textbook"].map((folder) => join("load-tests", folder));
  return [...grouped, ...loadTests].filter((folder) => existsSync(join(ROOT, folder)));
}

/** @returns {{ name: string, command: string, args: string[], cwd?: string }[]} */
function checks() {
  return [
    { name: "types", command: "tsc", args: ["-b"] },
    { name: "types of the k6 scripts", command: "tsc", args: ["-p", "load-tests/k6"] },
    { name: "lint, format and style limits", command: "biome", args: ["ci", "--colors=off", "."] },
    { name: "file length", command: "node", args: ["apps/cli/bootstrap/check-length.mjs"] },
    {
      name: "dependency rules",
      command: "depcruise",
      args: ["--config", ".dependency-cruiser.json", ...sourceFolders()],
    },
    { name: "contracts lint", command: "buf", args: ["lint"], cwd: "packages/contracts" },
    { name: "generated code is fresh", command: "node", args: ["apps/cli/bootstrap/check-generated.mjs"] },
    { name: "documents are fresh", command: "node", args: ["apps/cli/bootstrap/write-documents.mjs", "--check"] },
    { name: "containers", command: "node", args: ["apps/cli/bootstrap/check-containers.mjs"] },
    { name: "alerts", command: "node", args: ["apps/cli/bootstrap/check-alerts.mjs"] },
    { name: "Helm chart", command: "node", args: ["apps/cli/bootstrap/check-helm.mjs"] },
    { name: "infrastructure and workflows", command: "node", args: ["apps/cli/bootstrap/check-infra.mjs"] },
  ];
}

/**
 * @param {(result: CheckResult) => void} onResult
 * @returns {CheckResult[]}
 */
export function runChecks(onResult) {
  const bin = join(ROOT, "node_modules", ".bin");
  const environment = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  return checks().map(({ name, command, args, cwd }) => {
    const startedAt = performance.now();
    const run = spawnSync(join(bin, command), args, {
      cwd: join(ROOT, cwd ?? "."),
      env: environment,
      encoding: "utf8",
      timeout: CHECK_TIMEOUT_MS,
    });
    const output = `${run.stdout ?? ""}${run.stderr ?? ""}${run.error?.message ?? ""}`;
    const result = { name, ok: run.status === 0, output, durationMs: performance.now() - startedAt };
    onResult(result);
    return result;
  });
}

/** @param {CheckResult} result */
export function printCheck(result) {
  const seconds = (result.durationMs / 1000).toFixed(1).padStart(6);
  process.stdout.write(`  ${result.ok ? "✓" : "✗"} ${result.name.padEnd(44)} ${seconds} s\n`);
  if (!result.ok) process.stdout.write(`${result.output}\n`);
  else for (const line of result.output.split("\n").filter(isSkip)) process.stdout.write(`    ${line}\n`);
}

/** A check that needs a tool which is not here says so; it has to be seen that it did not run. */
const isSkip = (/** @type {string} */ line) => line.startsWith("skipped: ");

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const failed = runChecks(printCheck).filter((result) => !result.ok).length;
  process.exitCode = failed === 0 ? 0 : 1;
}
