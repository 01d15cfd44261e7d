import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ANSWER_MS_MAX = 60_000;

const SCRIPT =
  "import importlib.metadata, json, sys; print(json.dumps({p: importlib.metadata.version(p) for p in sys.argv[1:]}))";

/** Versions of the packages of a Python environment, by name. */
export async function packageVersions(python: string, packages: readonly string[]): Promise<Record<string, string>> {
  const { stdout } = await run(python, ["-c", SCRIPT, ...packages], { timeout: ANSWER_MS_MAX });
  return JSON.parse(stdout);
}

/** Versions of the packages that `load-tests` depends on, by name. */
export function versionsOf(packages: readonly string[]): Record<string, string> {
  return Object.fromEntries(packages.map((name) => [name, versionOf(name)]));
}

/** Reads the package's package.json as a file, because not every package exports it. */
function versionOf(name: string): string {
  const entry = fileURLToPath(import.meta.resolve(name));
  const folder = entry.slice(0, entry.lastIndexOf(join("node_modules", name)) + join("node_modules", name).length);
  const { version }: { version?: unknown } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return String(version);
}
