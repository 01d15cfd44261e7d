import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parseStoredPolicy } from "@tripline/decision-engine/parse-policy";
import { ROOT } from "@tripline/system/services/workspace";

/** The shipped policy. Git has its earlier versions. */
export const SHIPPED_POLICY = join(ROOT, "apps", "decisions", "policy.yaml");

/** Commits of the file to search, newest first. */
const COMMITS_MAX = 500;
const FILE_BYTES_MAX = 4_000_000;

const run = promisify(execFile);

/** A policy text, and the version recorded in its decisions. */
export interface PolicyText {
  readonly version: string;
  readonly text: string;
  readonly fileName: string;
}

/** @throws TriplineError `config-invalid` for an unreadable file, `policy-invalid` for an invalid policy */
export async function readPolicy(path: string): Promise<PolicyText> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const detail = `The policy ${path} cannot be read (${cause.code}). Set --policy to a file such as apps/decisions/policy.yaml.`;
    throw new TriplineError("config-invalid", detail, [], { cause });
  });
  return policyOf(text, path);
}

/**
 * Finds versions of a policy in its file, in the file's git history, or in a folder. Omits versions that are not found
 * or do not match this build's features.
 *
 * @param folder with `.yaml` files, as `tripline policy pull --all` writes it
 * @throws TriplineError `config-invalid` for an unreadable folder
 */
export async function findPolicies(path: string, wanted: ReadonlySet<string>, folder?: string): Promise<PolicyText[]> {
  const missing = new Set(wanted);
  const found: PolicyText[] = [];
  for await (const text of textsOf(path, folder)) {
    if (missing.size === 0) break;
    // A version ends with a digest, so most texts need no parsing.
    const digest = createHash("sha256").update(text).digest("hex").slice(0, 8);
    if (![...missing].some((version) => version.endsWith(`+${digest}`))) continue;
    const policy = policyIfValid(text, path);
    if (policy !== undefined && missing.delete(policy.version)) found.push(policy);
  }
  return found;
}

/** The files in the folder, the current file, then the file at each commit. */
async function* textsOf(path: string, folder: string | undefined): AsyncGenerator<string> {
  for (const file of folder === undefined ? [] : await filesOf(folder)) yield await readFile(file, "utf8");
  const current = await readFile(path, "utf8").catch(() => undefined);
  if (current !== undefined) yield current;
  const cwd = dirname(path);
  const file = `./${basename(path)}`;
  const commits = await git(cwd, ["log", `--max-count=${COMMITS_MAX}`, "--format=%H", "--", file]);
  for (const commit of commits.split("\n").filter((line) => line !== "")) {
    yield await git(cwd, ["show", `${commit}:${file}`]);
  }
}

async function filesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    const detail = `The folder ${folder} cannot be read (${cause.code}). Set --policies to a folder with .yaml files.`;
    throw new TriplineError("config-invalid", detail, [], { cause });
  });
  return names.filter((name) => name.endsWith(".yaml")).map((name) => join(folder, name));
}

/** Git's output; empty if git, the repository or the file does not exist. */
async function git(cwd: string, parameters: readonly string[]): Promise<string> {
  try {
    return (await run("git", [...parameters], { cwd, maxBuffer: FILE_BYTES_MAX })).stdout;
  } catch {
    return "";
  }
}

function policyIfValid(text: string, path: string): PolicyText | undefined {
  try {
    return policyOf(text, path);
  } catch {
    return undefined;
  }
}

function policyOf(text: string, path: string): PolicyText {
  const fileName = basename(path);
  return { version: parseStoredPolicy(text, currentFeatureSpec(), fileName).version, text, fileName };
}
