// How to run turbo: with the pnpm version of package.json, without telemetry, and without a remote cache.
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * The command that runs tasks of turbo.json.
 *
 * @param {string} root
 * @param {string[]} words tasks and options of `turbo run`, none with spaces
 * @returns {{ command: string, args: string[], environment: Record<string, string> }}
 */
export function turboRun(root, words) {
  // turbo needs pnpm on the PATH, where npx puts it, and passes on the whole environment only in loose mode.
  const line = ["turbo run", ...words, "--env-mode=loose"].join(" ");
  return {
    command: "npx",
    args: ["--yes", "--package", `pnpm@${pnpmVersion(root)}`, "--call", line],
    environment: {
      PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}`,
      // npx runs the version in package.json; pnpm need not check it again.
      PNPM_CONFIG_PM_ON_FAIL: "ignore",
      TURBO_TELEMETRY_DISABLED: "1",
      DO_NOT_TRACK: "1",
    },
  };
}

/** @param {string} root */
export function pnpmVersion(root) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return String(packageManager).replace(/^pnpm@/, "");
}
