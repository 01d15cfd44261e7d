import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backfill } from "@tripline/backfill/backfill";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { writeHistory } from "@tripline/backfill/input/write-history";
import { writeTestLake } from "@tripline/backfill/testing/lake";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { wait } from "@tripline/kafka/wait-backoff";
import { testStack } from "@tripline/local-stack/testing/stack";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { ROOT } from "@tripline/system/services/workspace";
import { driftCommand } from "./drift.js";
import { retrainCommand } from "./retrain.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DAYS = 63;
const START_MS = Date.UTC(2026, 0, 5);
const END_MS = START_MS + DAYS * DAY_MS;
const TENANT = "demo";
const MAIN = join(ROOT, "apps", "cli", "dist", "main.js");
/** It takes half a minute on an idle machine. */
const TIMEOUT_MS = 900_000;
const POLL_MS = 10;

let folder: string;
let params: string;
let whole: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-retrain-"));
  const [payments, features] = [join(folder, "payments.parquet"), join(folder, "features.parquet")];
  params = join(folder, "params.json");
  const simulation = { seed: 4, cards: 260, terminals: 130, startMs: START_MS };
  await writeHistory({
    simulation,
    untilMs: END_MS + 3 * HOUR_MS,
    tenant: TENANT,
    cardTokenKey: Buffer.alloc(32, 7),
    path: payments,
  });
  const source = fileSource(payments);
  await backfill({
    spec: currentFeatureSpec(),
    source,
    tenant: TENANT,
    outputPath: features,
    untilMs: END_MS + 3 * HOUR_MS,
  });
  const defaults = JSON.parse(await readFile(join(ROOT, "training", "params.json"), "utf8"));
  // Enough replicates to take one second, so that a run killed after its first checkpoint is never already finished.
  // With so few cards, there are too few frauds to calibrate scores.
  const retrain = { ...defaults.retrain, warm_up_days: 14, replicates: 500, calibration_ratio_max: 100 };
  await writeFile(params, JSON.stringify({ ...defaults, trees: 60, max_bin: 64, retrain }));
  // With so few cards, scores are low. A challenge costs almost nothing, so that finding a few frauds saves money.
  const costs = { fraud_loss_share: 1, chargeback_fee: 1_000, false_positive_cost: 1, false_positive_share: 0 };
  const reviews = { review_cost: 1, reviews_per_day: 100, challenge_cost: 0.01 };
  await writeFile(join(folder, "costs.yaml"), JSON.stringify({ ...costs, ...reviews }));
  const band = { at_least: 0.015, action: "challenge", reason: "HIGH", text: "{score}" };
  await writeFile(join(folder, "policy.yaml"), JSON.stringify({ bands: [band] }));
  const history = { spec: currentFeatureSpec(), tenant: TENANT, payments, features };
  await writeTestLake({ ...history, lake: join(folder, "lake") });
  // On the last complete day amounts grow by 50 %; the payments of the next few hours mark the day as complete.
  const amount = `CASE WHEN occurred_at_ms >= ${END_MS - DAY_MS} THEN f.amount * 1.5 ELSE f.amount END`;
  await writeTestLake({ ...history, lake: join(folder, "shifted"), values: { amount } });
  // An uninterrupted retraining, for comparison.
  let text = "";
  const output = { write: (more: string) => (text += more) };
  await retrainCommand(output).parseAsync([...argumentsOf("whole", "work-whole"), ...forMoney()], { from: "user" });
  whole = text.trimEnd().split("\n");
}, TIMEOUT_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

const registryAt = (name: string): string => pathToFileURL(join(folder, name)).href;

const argumentsOf = (registry: string, work: string) => [
  ...["--lake", join(folder, "lake"), "--registry", registryAt(registry)],
  ...["--work", join(folder, work), "--params", params],
];

const forMoney = () => ["--costs", join(folder, "costs.yaml"), "--policy", `${TENANT}=${join(folder, "policy.yaml")}`];

/** The progress of each fit, such as `20/100` trees. */
const partsOf = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => /^fit: trees=(\d+\/\d+)$/.exec(line)?.[1] ?? []);

interface Run {
  readonly code: number | null;
  readonly lines: readonly string[];
}

/** Runs the command as a process, and kills it with SIGKILL once `killWhen` returns true. */
async function run(args: readonly string[], killWhen?: () => Promise<boolean>): Promise<Run> {
  const child = spawn(process.execPath, [MAIN, "retrain", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (more: string) => {
    errors += more;
  });
  child.stdout.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  const ended = new AbortController();
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  void closed.then(() => ended.abort());
  while (killWhen !== undefined && !ended.signal.aborted && !child.killed) {
    if (await killWhen()) child.kill("SIGKILL");
    else await wait(POLL_MS, ended.signal);
  }
  const code = await closed;
  if (code === 1) throw new Error(`${text}\n${errors}`);
  return { code, lines: text.trimEnd().split("\n") };
}

test(
  "a killed retraining resumes on another machine and produces the same challenger",
  async () => {
    const bucket = join(folder, "bucket");
    const checkpoints = ["--checkpoints", pathToFileURL(bucket).href, ...forMoney()];
    const hasCheckpoint = async () =>
      (await readdir(bucket, { recursive: true }).catch(() => [])).some((name) => /^run-\w+\/fit-\w+\.ubj$/.test(name));
    const killed = await run([...argumentsOf("killed", "work-killed"), ...checkpoints], hasCheckpoint);
    expect(killed.code).toBeNull();
    expect(await readdir(bucket)).toContain("plan.json");
    // On a busy machine the trainer outlives the killed process for a moment, and writes one more checkpoint.
    await rm(join(folder, "work-killed"), { recursive: true, maxRetries: 20, retryDelay: 100 });
    const resumed = await run([...argumentsOf("killed", "work-elsewhere"), ...checkpoints]);
    expect(resumed.lines[0]).toMatch(/^lake: cutoff=2026-03-09T00:00:00.000Z resumes an interrupted run$/);
    // Parts that were already fitted are not fitted again. How many there are depends on when the process was killed.
    const [allParts, restOfThem] = [partsOf(whole), partsOf(resumed.lines)];
    expect(allParts.slice(0, 3)).toEqual(["25/60", "50/60", "60/60"]);
    expect(restOfThem.length).toBeLessThan(allParts.length);
    expect(restOfThem).toEqual(allParts.slice(allParts.length - restOfThem.length));
    expect(whole.join("\n")).toMatch(/^money: Under the policy's bands, it saves .* EUR per day/m);
    const line = resumed.lines.at(-1) ?? "";
    expect(line).toMatch(
      /^retrain: registered=challenger version=[0-9a-f]{12} ap_new=0\.\d+ ap_champion=0\.\d+ .*champion=none$/,
    );

    expect(line).toBe(whole.at(-1));
    const models = openRegistry(registryAt("killed"));
    const version = /version=(\w+)/.exec(line)?.[1] ?? "";
    expect([await models.aliasTarget("fraud", "challenger"), await models.aliasTarget("fraud", "shadow")]).toEqual([
      version,
      version,
    ]);
    const { manifest } = await models.resolve("fraud", "challenger");
    expect(manifest.metrics).toMatchObject({ retrain: { newest: { rows: expect.any(Number) } } });
    // Only the plan and the result remain for the next run on the same lake.
    expect((await readdir(bucket, { recursive: true })).filter((name) => name.endsWith(".ubj"))).toEqual([]);
    expect((await readdir(join(folder, "work-elsewhere"))).sort()).toEqual([
      "plan.json",
      expect.stringMatching(/^run-/),
    ]);
  },
  TIMEOUT_MS,
);

test(
  "retraining does not depend on the days before its range and warm-up",
  async () => {
    const values = JSON.parse(await readFile(params, "utf8"));
    // Trained on days 21 to 34, after a warm-up of 14 days. With one more day, the warm-up would begin on day 7.
    const short = { ...values, trees: 25, retrain: { ...values.retrain, train_days_max: 14, replicates: 50 } };
    await writeFile(join(folder, "short.json"), JSON.stringify(short));
    const lines = [];
    for (const days of [0, 57]) {
      const given = [...argumentsOf(`days-${days}`, `work-days-${days}`), "--params", join(folder, "short.json")];
      lines.push((await run([...given, "--days", String(days)])).lines);
    }
    const [all = [], some = []] = lines;
    const rowsOf = (each: readonly string[]) => Number(/^read: rows=(\d+)/m.exec(each.join("\n"))?.[1]);
    expect(rowsOf(some)).toBeLessThan(rowsOf(all));
    expect(some.at(-1)).toMatch(/^retrain: registered=challenger version=/);
    expect(some.at(-1)).toBe(all.at(-1));
  },
  TIMEOUT_MS,
);

// `test_sampling.py` tests the sample itself.
(process.env.LONG_TESTS === "all" ? test : test.skip)(
  "a sample of a large lake is sufficient for a better model",
  async () => {
    const labelled = Number(/labelled=(\d+)/.exec(whole.join("\n"))?.[1]);
    const { lines } = await run([
      ...argumentsOf("sample", "work-sample"),
      "--rows-max",
      String(Math.round(labelled / 2)),
    ]);
    const rows = Number(/^read: rows=(\d+)/m.exec(lines.join("\n"))?.[1]);
    expect(rows).toBeGreaterThan(0);
    expect(rows).toBeLessThan(0.75 * labelled);
    // A quarter of the cards are used for the comparison. There are few frauds, so all of them are used.
    expect(lines).toContainEqual(expect.stringMatching(/^sample: frauds=100% genuine=[\d.]+% cards=25%$/));
    expect(lines.at(-1)).toMatch(/^retrain: registered=challenger version=/);
  },
  TIMEOUT_MS,
);

test(
  "drift in the lake creates an event",
  async () => {
    const { kafkaBrokers, topicPrefix } = await testStack();
    const kafka = connectKafka({ brokers: kafkaBrokers, clientId: "test", topicPrefix });
    const admin = await kafka.admin();
    await admin.ensureTopics().finally(() => admin.close());
    const atKafka = ["--kafka", kafkaBrokers.join(","), "--topic-prefix", topicPrefix];
    let text = "";
    const output = { write: (more: string) => (text += more) };
    const drift = ["--lake", join(folder, "shifted"), "--metrics", join(folder, "drift.prom"), ...atKafka];
    await driftCommand(output).parseAsync(drift, { from: "user" });
    expect(text).toMatch(/^drift: day=2026-03-08 drifted=amount event_sent=true\n$/m);
    expect(await readFile(join(folder, "drift.prom"), "utf8")).toContain(
      'tripline_drift_drifted{model="fraud",column="amount",kind="feature"} 1.0',
    );
  },
  TIMEOUT_MS,
);
