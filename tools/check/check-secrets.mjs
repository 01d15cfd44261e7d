// Searches the newest commits and the staged changes for secrets with gitleaks, if installed; the workflow searches all
// commits.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { reportFindings } from "./report-findings.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TOOL_TIMEOUT_MS = 60_000;
/** Number of recent commits to check, more than a single push contains. */
const COMMITS = 100;
const SHARED = ["--redact", "--no-banner", "--log-level=warn", "--verbose", "--gitleaks-ignore-path", ".github"];
const PARTS = {
  "the newest commits": [`--log-opts=--max-count=${COMMITS}`],
  "the staged changes": ["--staged"],
};

/** @type {string[]} */
const faults = [];
/** @type {string[]} */
const skipped = [];

if (run(["version"]).status !== 0) skipped.push("secrets in commits: gitleaks is not installed");
else {
  for (const [what, args] of Object.entries(PARTS)) {
    const { status, output } = run(["git", ...SHARED, ...args]);
    if (status !== 0) faults.push(`gitleaks found secrets in ${what}:\n${output.trimEnd()}`);
  }
}
reportFindings({ faults, skipped });

/** @param {readonly string[]} args */
function run(args) {
  const result = spawnSync("gitleaks", args, { cwd: ROOT, encoding: "utf8", timeout: TOOL_TIMEOUT_MS });
  return {
    status: result.status,
    output: `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`,
  };
}
