import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";

/** Generous, because the machine may be busy. */
const RUN_MS_MAX = 180_000;

function run(program: string, ...args: readonly string[]) {
  return spawnSync(process.execPath, [join(ROOT, program), ...args], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: RUN_MS_MAX,
    env: { ...process.env, NODE_OPTIONS: "" },
  });
}

test.each(["apps/cli/dist/main.js", "tools/start/run.mjs"])(
  "regression #27: %s --version prints the version",
  (program) => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const { status, stdout } = run(program, "--version");
    expect([status, stdout]).toEqual([0, `${version}\n`]);
  },
  2 * RUN_MS_MAX,
);

test(
  "regression #27: test --help prints how to use it, and runs no test",
  () => {
    const { status, stdout } = run("tools/start/run.mjs", "test", "--help");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Usage: npx tripline test /);
    expect(stdout).toContain("npx tripline test upgrade");
    expect(stdout).not.toMatch(/passed|--coverage/);
  },
  2 * RUN_MS_MAX,
);
