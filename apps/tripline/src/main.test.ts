import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));
const END_MS_MAX = 60_000;

/** What the process wrote to its log, and its exit code. */
function run(environment: Record<string, string>): { readonly code: number | null; readonly log: unknown[] } {
  const { status, stdout } = spawnSync(process.execPath, [MAIN], {
    env: environment,
    encoding: "utf8",
    timeout: END_MS_MAX,
  });
  const lines = stdout.trimEnd().split("\n");
  return { code: status, log: lines.map((line): unknown => JSON.parse(line)) };
}

test("exits with one sentence and the matching exit code if the configuration is invalid", () => {
  const { code, log } = run({ TARGETS: "decisions", PORT: "0" });
  expect(log).toEqual([
    expect.objectContaining({
      level: "fatal",
      service: "tripline",
      code: "config-invalid",
      msg: "TARGETS contains decisions without scoring, which it requires. Add scoring, or set SCORING_ADDRESS to use one in another process.",
    }),
  ]);
  expect(code).toBe(78);
});
