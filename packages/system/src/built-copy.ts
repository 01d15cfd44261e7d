import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, STATE_DIRECTORY } from "./services/workspace.js";

/** Everything is installed and compiled from scratch, possibly on a busy machine. */
const BUILD_MS_MAX = 20 * 60_000;

/**
 * Another commit of this repository as a built checkout, for comparisons. The first call for a commit takes minutes;
 * later calls reuse the checkout.
 *
 * @param commit any git revision
 * @returns its folder, below `.tripline/builds`
 * @throws Error in one sentence if the commit does not exist or does not build
 */
export function builtCopy(commit: string): string {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${commit}^{commit}`];
  const { status, stdout } = spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`This repository has no commit ${commit}. In a shallow clone, run \`git fetch --unshallow\`.`);
  }
  const folder = join(STATE_DIRECTORY, "builds", stdout.trim());
  const marker = `${folder}.built`;
  if (existsSync(marker)) return folder;
  rmSync(folder, { recursive: true, force: true });
  execute("git", ["clone", "--quiet", "--no-checkout", ROOT, folder], ROOT);
  execute("git", ["checkout", "--quiet", "--detach", stdout.trim()], folder);
  execute("npm", ["run", "--silent", "build"], folder);
  writeFileSync(marker, "");
  return folder;
}

function execute(command: string, args: readonly string[], cwd: string): void {
  // Standard output is for results, so build progress is printed to standard error. INIT_CWD must not be the user's
  // folder.
  const { status, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, INIT_CWD: cwd, CI: "true" },
    timeout: BUILD_MS_MAX,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed.`, { cause: error });
}
