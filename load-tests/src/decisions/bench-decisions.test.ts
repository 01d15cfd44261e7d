import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));
const FIGURES = [
  ...["rules_us", "budgets_ratio", "lists_us", "contrib_us", "decide_us", "shadow_cpu_ratio", "replay_per_s"],
  ...["rules_ratio", "few_rules_ratio", "cpu_us_per_decision", "redis_us_per_decision"],
];
const BENCH_MS_MAX = 600_000;

/** Nightly runs test all parts, which start several systems. */
const IS_WHOLE = process.env.LONG_TESTS === "all";
const OF_RULES = ["rules_us", "budgets_ratio", "rules_ratio", "few_rules_ratio"];

test(
  "--short fires the same rules in both engines, decides every payment, and prints all figures in the last line",
  async () => {
    const args = ["decisions", "--short", ...(IS_WHOLE ? [] : ["--only", "rules"])];
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect([await ended, errors.split("\n").slice(-5)]).toEqual([0, expect.anything()]);
    const line = output.trimEnd().split("\n").at(-1) ?? "";
    for (const name of IS_WHOLE ? FIGURES : OF_RULES) {
      expect(line).toMatch(new RegExp(`\\b${name}=[\\d.]+`));
    }
  },
  BENCH_MS_MAX,
);
