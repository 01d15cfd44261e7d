import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const ANSWER_MS_MAX = 60_000;

const SCRIPT =
  "import importlib.metadata, json, sys; print(json.dumps({p: importlib.metadata.version(p) for p in sys.argv[1:]}))";

/** Versions of packages that a Python environment holds, by name. */
export async function packageVersions(python: string, packages: readonly string[]): Promise<Record<string, string>> {
  const { stdout } = await run(python, ["-c", SCRIPT, ...packages], { timeout: ANSWER_MS_MAX });
  return JSON.parse(stdout);
}
