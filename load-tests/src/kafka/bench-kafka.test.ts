import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { kafkaBenchmark } from "./bench-kafka.js";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));
/** Kafka starts and four clients join, which takes a long time on a busy machine. */
const BENCH_MS_MAX = 280_000;

test("the line begins with the promised figures", () => {
  expect(kafkaBenchmark.line.slice(0, 3)).toEqual(["produce_ratio", "cpu_us_per_message", "consume_ratio"]);
});

test(
  "consumes what it produces in a short run, with our client and its peers",
  async () => {
    const args = ["kafka", "--only", "flow", "--rounds", "1", "--round-ms", "100"];
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const code = await ended;
    expect([code, code === 0 ? "" : errors]).toEqual([0, ""]);
    const line = output.trimEnd().split("\n").at(-1) ?? "";
    for (const name of ["cpu_us_per_message", "flow_cpu_ratio", "platformatic_flow_cpu_ratio"])
      expect(line).toMatch(new RegExp(`\\b${name}=[\\d.]+`));
  },
  BENCH_MS_MAX,
);
