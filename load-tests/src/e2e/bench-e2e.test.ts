import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { e2eBenchmark } from "./bench-e2e.js";
import { recoverySeconds } from "./bench-overload.js";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));
/** Starting a whole system takes seconds, and much longer on a busy machine. */
const BENCH_MS_MAX = 600_000;

const PARTS = ["load", "textbook", "topology", "cards", "fields"];
/** Only nightly runs test every part. */
const onlyNightly = process.env.LONG_TESTS === "all" ? test : test.skip;

async function bench(...args: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, output, errors };
}

test("the last line starts with the documented figures", () => {
  expect(e2eBenchmark.line.slice(0, 7)).toEqual([
    ...["decisions_per_s", "p50_ms", "p99_ms_at_half", "cpu_us_per_decision"],
    ...["textbook_ratio", "loop_delay_p99_ms", "rss_mb"],
  ]);
});

onlyNightly(
  "every part decides every payment on one system with --short, and the last lines have all figures",
  async () => {
    const { code, output, errors } = await bench("e2e", "--short", "--only", PARTS.join(","));
    expect([code, errors.split("\n").slice(-5)]).toEqual([0, expect.anything()]);
    const names = ["decisions_per_s", "p50_ms", "p99_ms_at_half", "cpu_us_per_decision", "cards_cpu_ratio"];
    for (const name of [...names, "cards_cpu_before_ratio", "textbook_ratio"]) {
      expect(output).toMatch(new RegExp(`^e2e: .*\\b${name}=[\\d.]+`, "m"));
    }
    const rows = Array.from(output.matchAll(/^\| lost \| (.*) \|$/gm), ([, cells = ""]) => cells.split(" | "));
    const lost = rows.map((cells) => cells.filter((cell) => cell !== "–"));
    // Load at three rates, topology at three rates in two topologies, and cards with few and many.
    expect(lost).toEqual([3, 6, 3].map((count) => Array(count).fill("0.00")));
    expect(output).toContain("300 cards of the world in 10 replicas, so 3000 cards;");
    expect(output).toContain("- 0 states of the world have no replicas");
    const [ofTopology = "", ofFields = ""] = output.trimEnd().split("\n").slice(-2);
    const ratios = ["alone_p50_ratio", "alone_cpu_ratio", "cpu_ratio", "rate_ratio", "p50_ratio", "p99_ratio"];
    expect(ofTopology).toMatch(new RegExp(`^topology: ${ratios.map((name) => `${name}=[\\d.]+`).join(" ")}$`));
    const costs = ["fields_cpu_ratio", "fields_p50_ratio", "updates_cpu_ratio", "updates_p50_ratio"];
    expect(ofFields).toMatch(new RegExp(`^fields: ${costs.map((name) => `${name}=[\\d.]+`).join(" ")}$`));
  },
  BENCH_MS_MAX,
);

test(
  "regression #26: the textbook build accepts the payments of the benchmark",
  async () => {
    const { code, output, errors } = await bench("e2e", "--short", "--only", "textbook");
    expect([code, errors.split("\n").slice(-5)]).toEqual([0, expect.anything()]);
    expect(output).toMatch(/^e2e: .*\btextbook_ratio=[\d.]+/m);
  },
  BENCH_MS_MAX,
);

test.each([
  ["599", "--cards must be at least 600, which is twice the number of cards in the world.\n"],
  ["1.5", /must be a whole number/],
])(
  "rejects %s cards before anything runs",
  async (cards, sentence) => {
    const { code, output, errors } = await bench("e2e", "--short", "--only", "cards", "--cards", cards);
    expect(errors).toEqual(typeof sentence === "string" ? sentence : expect.stringMatching(sentence));
    expect([code, output]).toEqual([1, ""]);
  },
  BENCH_MS_MAX,
);

test(
  "runs nothing without a build to compare with",
  async () => {
    const { code, errors } = await bench("e2e", "--only", "builds", "--beside", "no-such-commit");
    expect([code, errors]).toEqual([
      1,
      expect.stringMatching(/^This repository has no commit no-such-commit\. .+\.\n$/),
    ]);
  },
  BENCH_MS_MAX,
);

test("the recovery ends after the last interval with slow responses", () => {
  const latenciesMs = [900, 300, 100, 250, 90, 80];
  const answeredAtMs = [100, 300, 600, 800, 1_100, 5_000];
  expect(recoverySeconds({ latenciesMs, answeredAtMs })).toBe(1);
});
