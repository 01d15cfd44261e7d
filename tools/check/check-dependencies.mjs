// Checks the dependency rules against the sources, because compiled code has no type imports, which can also form cycles.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const CHECK_MS_MAX = 300_000;

const grouped = ["apps", "packages"].flatMap((group) => readdirSync(group).map((name) => join(group, name, "src")));
/** Folders of the services' web pages. */
const pages = readdirSync("apps").map((name) => join("apps", name, "web", "src"));
const loadTests = ["src", "textbook"].map((name) => join("load-tests", name));
const folders = [...grouped, ...pages, ...loadTests].filter((folder) => existsSync(folder));

const run = spawnSync(
  join("node_modules", ".bin", "depcruise"),
  ["--config", ".dependency-cruiser.json", "--output-type", "err", ...folders],
  { encoding: "utf8", timeout: CHECK_MS_MAX },
);
process.stdout.write(`${run.stdout}${run.stderr}${run.error?.message ?? ""}`);
process.exitCode = run.status ?? 1;
// Without a supported compiler, dependency-cruiser skips every file and reports no faults.
if (/missing-tsc-transpiler|\(0 modules/.test(run.stdout + run.stderr)) {
  process.stderr.write("dependency-cruiser cannot read TypeScript: see packageExtensions in pnpm-workspace.yaml.\n");
  process.exitCode = 1;
}
