import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { holdLock } from "@tripline/local-stack/processes/hold-lock";
import { withFolderRegistry } from "@tripline/model-registry/store/with-folder-registry";
import type { CommandOutput } from "@tripline/system/command-output";
import { ROOT } from "@tripline/system/services/workspace";
import { seconds } from "@tripline/system/step-log";
import { runPythonModule, trainingPython } from "../run-python.js";
import { cacheKey } from "../training/train-cache.js";
import { currentCommit } from "../training/train-demo-model.js";
import type { LakeDatasetOptions } from "./retrain-dataset.js";
import { newestPaymentMs, writeComputedFeatures, writeLoggedFeatures } from "./retrain-dataset.js";
import type { OpenedPlan } from "./retrain-plan.js";
import { finishPlan, openPlan } from "./retrain-plan.js";

export const SPEC_FILE = join(ROOT, "packages", "contracts", "feature-spec.yaml");
export const PARAMS_FILE = join(ROOT, "training", "params.json");
const TRAINING_CODE = join(ROOT, "training", "tripline_training");
const DATASET_CODE = fileURLToPath(new URL("./retrain-dataset.js", import.meta.url));

export interface RetrainOptions {
  readonly lake: string;
  readonly registryUrl: string;
  readonly model: string;
  /** For checkpoints: what is cut off goes on from here. */
  readonly work: string;
  readonly tenant?: string;
  /** Labels that arrived later are not used; the beginning of the newest archived payment's day (UTC) unless given. */
  readonly cutoffMs?: number;
  readonly features: "log" | "backfill";
  readonly labelsBy: LakeDatasetOptions["labelsBy"];
  /** Parameters of the trees, and under `retrain` when a model is better. */
  readonly paramsFile: string;
  readonly trustWeeks: boolean;
  readonly jobs: number;
  readonly output: CommandOutput;
}

const DAY_MS = 86_400_000;
/** The data was refused: the outcome says why, and somebody must check it. */
const DATA_REFUSED = 2;

/**
 * Fetches what the lake has by now, trains, compares with the champion, and registers a challenger where it is better.
 * One at a time per work folder. Killed and called again with the same options it comes to the same outcome.
 *
 * @returns 0, or 2 if the data was refused
 * @throws TriplineError or Error in one sentence; nothing is registered then
 */
export async function retrain(options: RetrainOptions): Promise<number> {
  return holdLock(join(options.work, "retrain.lock"), async () => {
    const { work, lake, tenant, output } = options;
    const opened = await openPlan({
      work,
      lake,
      request: await requestOf(options),
      nowMs: Date.now(),
      cutoffMs: async (positions) => options.cutoffMs ?? wholeDays(await newestPaymentMs({ lake, tenant, positions })),
    });
    const { plan, isResumed, newLabels } = opened;
    const since = isResumed ? "goes on where it was cut off" : `new_labels=${newLabels}`;
    output.write(`lake: cutoff=${new Date(plan.cutoffMs).toISOString()} ${since}\n`);
    const dataset = await writeDataset(options, opened);
    const code = await challenge(options, opened, dataset);
    await finishPlan(work, plan);
    return code;
  });
}

const wholeDays = (timeMs: number): number => Math.floor(timeMs / DAY_MS) * DAY_MS;

/** What an outcome depends on besides the lake: the question, the parameters, the features and the code. */
async function requestOf(options: RetrainOptions): Promise<string> {
  const { output: _, work: __, ...asked } = options;
  const modules = (await readdir(TRAINING_CODE, { recursive: true })).filter((name) => name.endsWith(".py")).sort();
  const paths = [options.paramsFile, SPEC_FILE, DATASET_CODE, ...modules.map((name) => join(TRAINING_CODE, name))];
  const files = await Promise.all(paths.map((path) => readFile(path)));
  const code = await cacheKey([]);
  return createHash("sha256").update(JSON.stringify({ asked, code })).update(Buffer.concat(files)).digest("hex");
}

/** The payments of the plan, once: a file that is there is whole. */
async function writeDataset(options: RetrainOptions, { plan, folder }: OpenedPlan): Promise<string> {
  const path = join(folder, "features.parquet");
  if (existsSync(path)) return path;
  const { lake, tenant, labelsBy, features, output } = options;
  const write = features === "log" ? writeLoggedFeatures : writeComputedFeatures;
  const startedAt = performance.now();
  const { rows, labelled, frauds, otherSpec, incomplete } = await write({
    lake,
    labelsBy,
    spec: currentFeatureSpec(),
    cutoffMs: plan.cutoffMs,
    positions: plan.positions,
    outputPath: path,
    ...(tenant === undefined ? {} : { tenant }),
  });
  const left = `left_out_other_spec=${otherSpec} left_out_incomplete=${incomplete}`;
  const took = seconds(performance.now() - startedAt).trim();
  output.write(`read: rows=${rows} labelled=${labelled} frauds=${frauds} ${left} took=${took}\n`);
  if (rows === 0) {
    const remedy = "Give --features backfill --tenant <name>, which computes them anew from the archived payments.";
    throw new Error(`The archive has no payment with the features of spec ${currentFeatureSpec().version}. ${remedy}`);
  }
  return path;
}

async function challenge(options: RetrainOptions, opened: OpenedPlan, dataset: string): Promise<number> {
  const { registryUrl, model } = options;
  return withFolderRegistry(registryUrl, model, (url) => challengeIn(url, options, opened, dataset));
}

async function challengeIn(
  registryUrl: string,
  options: RetrainOptions,
  { plan, folder }: OpenedPlan,
  dataset: string,
): Promise<number> {
  const { model, paramsFile, trustWeeks, jobs, output } = options;
  const commit = await currentCommit();
  const { code } = await runPythonModule(
    "tripline_training.retrain",
    [
      ...["--features", dataset, "--feature-spec", SPEC_FILE, "--cutoff", new Date(plan.cutoffMs).toISOString()],
      ...["--registry", registryUrl, "--name", model, "--work", folder],
      ...["--params", paramsFile, "--rules", paramsFile, "--jobs", String(jobs)],
      ...(trustWeeks ? ["--trust-weeks"] : []),
      ...(commit === undefined ? [] : ["--commit", commit]),
    ],
    {
      interpreter: await trainingPython(),
      outcomes: [DATA_REFUSED],
      onOutput: (text) => output.write(text),
    },
  );
  return code;
}
