import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { BackfillOptions, BackfillResult } from "../backfill.js";
import { backfill } from "../backfill.js";
import { fileSource } from "../input/transactions-source.js";
import { writeHistory } from "../input/write-history.js";

const START_MS = Date.UTC(2025, 0, 6);
const DAY_MS = 86_400_000;
const DAYS = 8;
/**
 * Small blocks, each followed by a checkpoint, so that a backfill can be killed at many points. Two workers share the
 * work.
 */
const TUNING = { blockPayments: 64, checkpointMs: 0, workers: 2 };
const DEADLINE_MS = 180_000;
/** Nightly runs test more kill points and more changes. */
const IS_LONG = process.env.LONG_TESTS === "all";

const CONTRACTS = new URL("../../../contracts/dist/feature-spec.js", import.meta.url);

let folder: string;
let input: string;
let whole: { readonly result: BackfillResult; readonly output: Buffer; readonly state: Buffer };
/** Progress reports of a run that is not killed. */
let reports = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "resume-backfill-"));
  input = join(folder, "history.parquet");
  const simulation = { seed: 3, cards: 80, terminals: 50, startMs: START_MS };
  const untilMs = START_MS + DAYS * DAY_MS;
  await writeHistory({ simulation, untilMs, tenant: "shop", cardTokenKey: Buffer.alloc(32, 1), path: input });
  const options = optionsOf("whole");
  const result = await backfill({ ...options, onProgress: () => (reports += 1) });
  expect(reports).toBeGreaterThan(20);
  whole = { result, output: await readFile(options.outputPath), state: await readFile(options.statePath) };
}, DEADLINE_MS);

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

/**
 * Starts the same backfill in a separate process. `onProgress` is code that runs at every progress report; `left`
 * counts down to 0.
 */
async function start(name: string, onProgress = "", left = 0) {
  const { outputPath, statePath } = optionsOf(name);
  const program = `
    const { backfill } = await import(${JSON.stringify(new URL("../backfill.js", import.meta.url).href)});
    const { fileSource } = await import(${JSON.stringify(new URL("../input/transactions-source.js", import.meta.url).href)});
    const { currentFeatureSpec } = await import(${JSON.stringify(CONTRACTS.href)});
    let left = ${left};
    await backfill({
      spec: currentFeatureSpec(), source: fileSource(${JSON.stringify(input)}), tenant: "shop",
      outputPath: ${JSON.stringify(outputPath)}, statePath: ${JSON.stringify(statePath)},
      tuning: ${JSON.stringify(TUNING)},
      onProgress() { left -= 1; ${onProgress} },
    });`;
  const file = join(folder, `${name}.mjs`);
  await writeFile(file, program);
  const child = spawn(process.execPath, [file], { stdio: ["ignore", "ignore", "pipe"], timeout: DEADLINE_MS });
  let errors = "";
  child.stderr.on("data", (text) => (errors += text));
  const ended = once(child, "exit").then(([, signal]) => ({ signal, errors }));
  return { child, ended };
}

/** Kills the process as soon as the condition is true. Checks it every millisecond, at most `checks` times. */
async function killWhen(running: Awaited<ReturnType<typeof start>>, condition: () => boolean): Promise<void> {
  for (let checks = DEADLINE_MS; checks > 0 && !condition(); checks -= 1) await delay(1);
  running.child.kill("SIGKILL");
  expect(await running.ended).toEqual({ signal: "SIGKILL", errors: "" });
}

async function expectWhole(name: string, result: BackfillResult): Promise<void> {
  const { outputPath, statePath } = optionsOf(name);
  expect({ ...result, resumedEvents: 0 }).toEqual(whole.result);
  expect(Buffer.compare(whole.output, await readFile(outputPath))).toBe(0);
  expect(Buffer.compare(whole.state, await readFile(statePath))).toBe(0);
  expect(existsSync(`${outputPath}.work`)).toBe(false);
}

const KILL_ITSELF = 'if (left === 0) process.kill(process.pid, "SIGKILL");';

describe("a killed backfill", () => {
  const reported: [string, number][] = [["last", 1]];
  if (IS_LONG) reported.push(["first", 0], ["middle", 0.5]);
  test.each(reported)("resumes after its %s report and produces the same bytes", async (which, share) => {
    const name = `at-${which}`;
    const { ended } = await start(name, KILL_ITSELF, Math.max(1, Math.floor(reports * share)));
    expect(await ended).toEqual({ signal: "SIGKILL", errors: "" });
    expect(existsSync(optionsOf(name).outputPath)).toBe(false);
    // Checkpoints are written in the background, so it is unknown whether one exists at this point.
    await expectWhole(name, await backfill(optionsOf(name)));
  });

  const workOf = (name: string) => `${optionsOf(name).outputPath}.work`;
  const has = (name: string, ...patterns: readonly RegExp[]) => {
    const files = existsSync(workOf(name)) ? readdirSync(workOf(name)) : [];
    return patterns.every((pattern) => files.some((file) => pattern.test(file)));
  };
  const stages: [string, RegExp[], number][] = [
    ["while it sorts", [/^fingerprint$/], 0],
    ["with many parts", [/^checkpoint\.json$/, /^part-000010/], 1],
  ];
  if (IS_LONG) {
    stages.push(
      ["before it has begun", [/^work\.duckdb$/], 0],
      ["while it writes its first part", [/^part-/], 0],
      ["with a checkpoint", [/^checkpoint\.json$/], 1],
    );
  }
  test.each(stages)("resumes when killed %s and produces the same bytes", async (what, patterns, resumedMin) => {
    const name = what.replaceAll(" ", "-");
    await killWhen(await start(name), () => has(name, ...patterns));
    const result = await backfill(optionsOf(name));
    await expectWhole(name, result);
    expect(result.resumedEvents).toBeGreaterThanOrEqual(resumedMin);
  });

  test("resumes when killed while it merges its parts and produces the same bytes", async () => {
    const { ended } = await start("joining", KILL_ITSELF, reports);
    expect(await ended).toEqual({ signal: "SIGKILL", errors: "" });
    // Files that DuckDB leaves if it is interrupted while writing.
    for (const file of ["merged.parquet", "tmp_merged.parquet"]) await writeFile(join(workOf("joining"), file), "PAR1");
    await expectWhole("joining", await backfill(optionsOf("joining")));
  });

  const changes: [string, Partial<BackfillOptions>][] = [
    ["another time limit", { untilMs: START_MS + (DAYS / 2) * DAY_MS }],
  ];
  if (IS_LONG) {
    changes.push(
      ["another tenant", { tenant: "other" }],
      ["a different block size", { tuning: { ...TUNING, blockPayments: 65 } }],
    );
  }
  test.each(changes)("is not resumed by a backfill with %s", async (what, change) => {
    const name = what.replaceAll(" ", "-");
    await killWhen(await start(name), () => has(name, /^checkpoint\.json$/));
    const clean = await backfill({ ...optionsOf(`clean-${name}`), ...change });
    const options = { ...optionsOf(name), ...change };
    const result = await backfill(options);
    expect(result).toEqual({ ...clean, resumedEvents: 0 });
    expect(
      Buffer.compare(await readFile(optionsOf(`clean-${name}`).statePath), await readFile(options.statePath)),
    ).toBe(0);
  });

  test("starts over if its input has changed", async () => {
    await killWhen(await start("changed"), () => has("changed", /^checkpoint\.json$/));
    await utimes(input, new Date(), new Date());
    const result = await backfill(optionsOf("changed"));
    expect(result.resumedEvents).toBe(0);
    await expectWhole("changed", result);
  });

  test("starts over if a part of its work is damaged", async () => {
    await killWhen(await start("damaged"), () => has("damaged", /^checkpoint\.json$/));
    const states = readdirSync(workOf("damaged")).filter((file) => /^states-.*\.bin$/.test(file));
    for (const file of states) await writeFile(join(workOf("damaged"), file), "x");
    const result = await backfill(optionsOf("damaged"));
    expect(result.resumedEvents).toBe(0);
    await expectWhole("damaged", result);
  });
});

test("two backfills cannot write to the same output, whether in one process or in two", async () => {
  const refused = { code: "state-conflict", message: expect.stringContaining("Another backfill is writing") };
  const both = await Promise.allSettled([backfill(optionsOf("twice")), backfill(optionsOf("twice"))]);
  expect(both.map((one) => (one.status === "rejected" ? one.reason : undefined))).toContainEqual(
    expect.objectContaining(refused),
  );
  const done = both.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  expect(done).toHaveLength(1);
  for (const result of done) await expectWhole("twice", result);

  // The process stops itself at its first report, while its database is open.
  const marker = join(folder, "stopped");
  const running = await start(
    "other",
    `process.getBuiltinModule("node:fs").writeFileSync(${JSON.stringify(marker)}, "");
    process.kill(process.pid, "SIGSTOP");`,
  );
  for (let checks = DEADLINE_MS; checks > 0 && !existsSync(marker); checks -= 1) await delay(1);
  const attempt = backfill(optionsOf("other"));
  await expect(attempt.finally(() => running.child.kill("SIGKILL"))).rejects.toMatchObject(refused);
  await running.ended;
  await expectWhole("other", await backfill(optionsOf("other")));
});
