import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { backfill } from "@tripline/backfill/backfill";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { writeHistory } from "@tripline/backfill/input/write-history";
import { writeTestLake } from "@tripline/backfill/testing/lake";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { PARAMS_FILE, SPEC_FILE } from "@tripline/model-loop/retraining/retrain";
import { runPython } from "@tripline/model-loop/run-python";
import type { FollowedTraining } from "@tripline/model-loop/training-worker/follow-training";
import { followTraining } from "@tripline/model-loop/training-worker/follow-training";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { RolloutClient } from "@tripline/system/client/rollout-client";
import { DEMO_TENANT, MODEL_NAME } from "@tripline/system/services/plan-services";
import { createLogger } from "@tripline/telemetry/logger";
import { registry as metrics } from "@tripline/telemetry/metrics";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DAYS = 63;
const START_MS = Date.UTC(2026, 0, 5);
const END_MS = START_MS + DAYS * DAY_MS;
const TIMEOUT_MS = 600_000;
const LOOK_MS = 500;

let folder: string;
let registryUrl: string;
let system: InProcessSystem;
let params: string;

const date = (day: number): string => new Date(START_MS + day * DAY_MS).toISOString().slice(0, 10);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-unattended-"));
  registryUrl = pathToFileURL(join(folder, "registry")).href;
  const [payments, features] = [join(folder, "payments.parquet"), join(folder, "features.parquet")];
  const [untilMs, spec, tenant] = [END_MS + 3 * HOUR_MS, currentFeatureSpec(), DEMO_TENANT];
  const simulation = { seed: 4, cards: 260, terminals: 130, startMs: START_MS };
  await writeHistory({ simulation, untilMs, tenant, cardTokenKey: Buffer.alloc(32, 7), path: payments });
  await backfill({ spec, source: fileSource(payments), tenant, outputPath: features, untilMs });
  // On the last complete day, amounts are 50 % higher.
  const amount = `CASE WHEN occurred_at_ms >= ${END_MS - DAY_MS} THEN f.amount * 1.5 ELSE f.amount END`;
  await writeTestLake({ spec, tenant, payments, features, lake: join(folder, "lake"), values: { amount } });
  const { retrain, ...trees } = JSON.parse(await readFile(PARAMS_FILE, "utf8"));
  params = join(folder, "params.json");
  // So few cards have too few frauds for calibrated scores.
  const rules = { ...retrain, warm_up_days: 14, replicates: 50, calibration_ratio_max: 100 };
  await writeFile(params, JSON.stringify({ ...trees, trees: 60, max_bin: 64, retrain: rules }));
  // A weak champion that was not trained on the newest weeks.
  const weak = join(folder, "weak.json");
  await writeFile(weak, JSON.stringify({ ...trees, trees: 2, max_leaves: 2, retrain }));
  await runPython("tripline_training.train", [
    ...["--features", features, "--feature-spec", SPEC_FILE, "--registry", registryUrl, "--name", MODEL_NAME],
    ...["--alias", "champion", "--params", weak, "--train-from", date(14), "--train-to", date(21)],
    ...["--valid-from", date(28), "--valid-to", date(35)],
  ]);
  system = await startInProcess({ registryUrl, hasControl: true });
}, TIMEOUT_MS);

afterAll(async () => {
  await system?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A worker on another machine: it shares only the lake, the registry and the checkpoints. */
async function startWorker(machine: string): Promise<FollowedTraining & { stop(): Promise<void> }> {
  const ending = new AbortController();
  const followed = await followTraining({
    retrain: {
      lake: join(folder, "lake"),
      registryUrl,
      model: MODEL_NAME,
      work: join(folder, machine),
      checkpoints: pathToFileURL(join(folder, "checkpoints")).href,
      features: "log",
      labelsBy: "event-time",
      paramsFile: params,
      trustWeeks: false,
      jobs: 1,
    },
    kafka: system.kafka,
    rollouts: new RolloutClient(system.control),
    rolloutPlan: { guards: { mature_labels_min: 0 } },
    times: { everyDays: 28, retryDays: 7 },
    lookMs: LOOK_MS,
    signal: ending.signal,
    logger: createLogger("test", "silent"),
  });
  const stop = (): Promise<void> => {
    ending.abort();
    return followed.ended;
  };
  return { ...followed, stop };
}

async function until<T>(worker: FollowedTraining, ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    const fault = worker.fault();
    if (fault !== undefined && !fault.includes("consumer group")) throw new Error(fault);
    await delay(LOOK_MS);
  }
}

const remembered = async (): Promise<{ alarm: unknown; challenger: { version: string } | null; judgedDay: number }> =>
  JSON.parse(await readFile(join(folder, "checkpoints", "loop.json"), "utf8"));
const runs = async (): Promise<string> => (await metrics.getSingleMetricAsString("tripline_training_runs_total")) ?? "";

test(
  "drift in the lake leads automatically to one better candidate in shadow, and to a champion",
  async () => {
    const rollouts = new RolloutClient(system.control);
    const champion = await openRegistry(registryUrl).aliasTarget(MODEL_NAME, "champion");
    const first = await startWorker("one");
    const rollout = await until(first, () => rollouts.status(MODEL_NAME).catch(() => undefined));
    expect(rollout).toMatchObject({
      stage: "shadow",
      champion,
      why: expect.stringMatching(/^retrained: drift on 2026-03-08: /),
    });
    expect(rollout.changed_by).toBe("demo-operator");
    await first.stop();
    expect(await runs()).toContain('tripline_training_runs_total{result="registered"} 1');
    expect(await remembered()).toMatchObject({ challenger: { version: rollout.candidate }, alarm: expect.anything() });

    // Another machine continues where the first one stopped.
    const second = await startWorker("two");
    await rollouts.step(MODEL_NAME, "promote", "the end of the test");
    await until(second, async () => ((await remembered()).challenger === null ? true : undefined));
    await second.stop();
    // The new champion was not trained on four weeks of post-drift data, so the drift stays open.
    expect(await remembered()).toMatchObject({ alarm: { day: END_MS / DAY_MS - 1 }, challenger: null });
    expect(await openRegistry(registryUrl).aliasTarget(MODEL_NAME, "champion")).toBe(rollout.candidate);
    expect(await runs()).toContain('tripline_training_runs_total{result="registered"} 1');
  },
  TIMEOUT_MS,
);
