import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { BackfillOptions } from "./backfill.js";
import { backfill } from "./backfill.js";
import { fileSource } from "./backfill-source.js";
import { writeHistory } from "./simulate.js";

const START_MS = Date.UTC(2025, 0, 6);
const DAY_MS = 86_400_000;
/** Small blocks and a checkpoint after each, so that there is much to be killed between. */
const TUNING = { blockPayments: 64, checkpointMs: 0 };
const KILL_TIMEOUT_MS = 60_000;

const CONTRACTS = new URL("../../../packages/contracts/dist/feature-spec.js", import.meta.url);

let folder: string;
let input: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "resume-backfill-"));
  input = join(folder, "history.parquet");
  const simulation = { seed: 3, cards: 80, terminals: 50, startMs: START_MS };
  const untilMs = START_MS + 14 * DAY_MS;
  await writeHistory({ simulation, untilMs, tenant: "shop", cardTokenKey: Buffer.alloc(32, 1), path: input });
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

function optionsOf(name: string): BackfillOptions & { statePath: string } {
  return {
    spec: currentFeatureSpec(),
    source: fileSource(input),
    tenant: "shop",
    outputPath: join(folder, `${name}.parquet`),
    statePath: join(folder, `${name}.bin`),
    tuning: TUNING,
  };
}

/** Runs the same backfill in a process of its own that kills itself at its report number `reports`. */
function runAndKill(name: string, reports: number) {
  const { outputPath, statePath } = optionsOf(name);
  const program = `
    const { backfill } = await import(${JSON.stringify(new URL("./backfill.js", import.meta.url).href)});
    const { fileSource } = await import(${JSON.stringify(new URL("./backfill-source.js", import.meta.url).href)});
    const { currentFeatureSpec } = await import(${JSON.stringify(CONTRACTS.href)});
    let left = ${reports};
    await backfill({
      spec: currentFeatureSpec(), source: fileSource(${JSON.stringify(input)}), tenant: "shop",
      outputPath: ${JSON.stringify(outputPath)}, statePath: ${JSON.stringify(statePath)},
      tuning: ${JSON.stringify(TUNING)},
      onProgress() { left -= 1; if (left === 0) process.kill(process.pid, "SIGKILL"); },
    });`;
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, program);
  return spawnSync(process.execPath, [file], { timeout: KILL_TIMEOUT_MS, encoding: "utf8" });
}

test("a backfill that was killed goes on, and ends with the same bytes as one that was not", async () => {
  const whole = optionsOf("whole");
  let reports = 0;
  const result = await backfill({ ...whole, onProgress: () => (reports += 1) });
  expect(reports).toBeGreaterThan(6);
  const expected = [await readFile(whole.outputPath), await readFile(whole.statePath)];

  for (const at of [1, Math.floor(reports / 2), reports - 1]) {
    const options = optionsOf(`killed-${at}`);
    const killed = runAndKill(`killed-${at}`, at);
    expect({ at, signal: killed.signal, stderr: killed.stderr }).toEqual({ at, signal: "SIGKILL", stderr: "" });
    expect([existsSync(options.outputPath), existsSync(`${options.outputPath}.work`)]).toEqual([false, true]);
    let first: number | undefined;
    const again = await backfill({ ...options, onProgress: ({ doneEvents }) => (first ??= doneEvents) });
    expect(again).toEqual(result);
    expect(Buffer.compare(expected[0] ?? Buffer.alloc(0), await readFile(options.outputPath))).toBe(0);
    expect(Buffer.compare(expected[1] ?? Buffer.alloc(0), await readFile(options.statePath))).toBe(0);
    // Checkpoints are written beside the work, so how far the last one is behind is not known; but one is there by then.
    if (at === reports - 1) expect(first).toBeGreaterThan(0);
  }
  expect((await readdir(folder)).filter((name) => name.endsWith(".work"))).toEqual([]);
}, 120_000);
