import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT, STATE_DIRECTORY } from "@tripline/system/services/workspace";

const FOLDER = join(STATE_DIRECTORY, "upgrade-from");
/** Everything is installed and compiled anew, on cores that may be busy. */
const BUILD_MS_MAX = 20 * 60_000;

/**
 * Checks a commit out beside this checkout, installs its packages and builds it.
 *
 * @returns its folder, which `removeBuild` removes
 * @throws Error in one sentence when the commit does not exist or does not build
 */
export function buildCommit(commit: string): string {
  removeBuild();
  execute("git", ["worktree", "add", "--quiet", "--detach", FOLDER, commit], ROOT);
  execute("npm", ["run", "--silent", "build"], FOLDER);
  return FOLDER;
}

export function removeBuild(): void {
  rmSync(FOLDER, { recursive: true, force: true });
  execute("git", ["worktree", "prune"], ROOT);
}

function execute(command: string, args: readonly string[], cwd: string): void {
  // Standard output is for results; what builds print is progress.
  const { status, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, INIT_CWD: cwd, CI: "true" },
    timeout: BUILD_MS_MAX,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed.`, { cause: error });
}
