import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { ingestionBenchmark } from "./bench-ingestion.js";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));
/** Kafka, Valkey and three servers start, which takes long on a busy machine. */
const BENCH_MS_MAX = 280_000;

async function bench(...args: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, [MAIN, "ingestion", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, output, errors };
}

test("the last line begins with the promised figures", () => {
  expect(ingestionBenchmark.line.slice(0, 4)).toEqual(["hot_ratio", "express_ratio", "cpu_us_per_request", "p99_ms"]);
});

test(
  "the service and its peers accept payments under load, with --short, and Kafka holds them",
  async () => {
    const { code, output, errors } = await bench("--against", "bare,express", "--rounds", "1", "--round-ms", "100");
    expect([code, code === 0 ? "" : errors]).toEqual([0, ""]);
    const line = output.trimEnd().split("\n").at(-1) ?? "";
    for (const name of ingestionBenchmark.line.slice(0, 6)) expect(line).toMatch(new RegExp(`\\b${name}=[\\d.]+`));
  },
  BENCH_MS_MAX,
);

test("an unknown peer is refused before anything runs", async () => {
  const { code, output, errors } = await bench("--against", "bare,koa");
  expect(errors).toContain('There is no peer "koa"; there are bare,express,express-cached,empty.');
  expect([code, output]).toEqual([1, ""]);
});
