// How turbo is called: with the pnpm of package.json, without telemetry, and without a cache elsewhere.
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * The command that runs tasks of turbo.json.
 *
 * @param {string} root
 * @param {string[]} words tasks and options of `turbo run`, none with a blank
 * @returns {{ command: string, args: string[], environment: Record<string, string> }}
 */
export function turboRun(root, words) {
  // turbo looks for pnpm on the PATH, where npx puts it, and hands it the whole environment in loose mode only.
  const line = ["turbo run", ...words, "--env-mode=loose"].join(" ");
  return {
    command: "npx",
    args: ["--yes", "--package", `pnpm@${pnpmVersion(root)}`, "--call", line],
    environment: {
      PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}`,
      // npx runs the version that package.json names; pnpm need not look for it once more.
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
