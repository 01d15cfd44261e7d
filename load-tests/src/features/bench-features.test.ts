import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { featuresBenchmark } from "./bench-features.js";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));

test("the last line starts with the documented figures", () => {
  expect(featuresBenchmark.line.slice(0, 6)).toEqual([
    "rps_ratio",
    "p99_ratio",
    "cpu_us_per_tx",
    "velocity_ratio",
    "bytes_per_entity",
    "backfill_ratio",
  ]);
});

async function bench(...args: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, output, errors };
}

test("nothing runs without the handbook's payments, and the message says how to provide them", async () => {
  const { code, output, errors } = await bench("features");
  expect(errors).toBe(
    "backfill requires the handbook's payments: specify their folder with --handbook <folder>, or omit it with --only read,window,velocity.\n",
  );
  expect([code, output]).toEqual([1, ""]);
});

test("reports a folder without payments", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tripline-bench-"));
  try {
    const { code, errors } = await bench("features", "--only", "window,backfill", "--handbook", folder);
    expect(errors).toBe(`--handbook: ${folder} contains no folder raw/ with the handbook's daily files.\n`);
    expect(code).toBe(1);
  } finally {
    await rm(folder, { recursive: true });
  }
});
