import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { asTriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { holdLock } from "@tripline/local-stack/processes/hold-lock";
import { withFolderRegistry } from "@tripline/model-registry/store/with-folder-registry";
import { openStore } from "@tripline/object-store/open-store";
import type { CommandOutput } from "@tripline/system/command-output";
import { ROOT } from "@tripline/system/services/workspace";
import { seconds } from "@tripline/system/step-log";
import { z } from "zod";
import { cacheKey } from "../demo-model/train-cache.js";
import { runPythonModule, trainingPython } from "../run-python.js";
import { currentCommit } from "../train-champion.js";
import { Checkpoints } from "./checkpoints.js";
import { comparedVersions, versionOfCandidate } from "./compared-versions.js";
import { constantOnline } from "./constant-online.js";
import type { LakeDatasetOptions } from "./retrain-dataset.js";
import { newestPaymentMs, writeComputedFeatures, writeLoggedFeatures } from "./retrain-dataset.js";
import type { OpenedPlan } from "./retrain-plan.js";
import { finishPlan, openPlan } from "./retrain-plan.js";
import { ROWS_MAX } from "./sample-payments.js";
import { writePaymentKinds } from "./write-payment-kinds.js";

export const SPEC_FILE = join(ROOT, "packages", "contracts", "feature-spec.yaml");
export const PARAMS_FILE = join(ROOT, "training", "params.json");
const TRAINING_CODE = join(ROOT, "training", "tripline_training");
const DATASET_CODE = [
  ...["./retrain-dataset", "./read-topic", "./arrived-labels", "./sample-payments", "./constant-online"],
  ...["../truth/settle-labels", "../truth/copy-fates", "../truth/explored-sql", "./write-payment-kinds"],
].map((name) => fileURLToPath(new URL(`${name}.js`, import.meta.url)));

/** What the decisions on payments cost, and the policies that make them. */
export interface MoneyOptions {
  /** YAML file as for `tripline models bands`. */
  readonly costsFile: string;
  /** Policy files by tenant; the empty name is for all other tenants. */
  readonly policyFiles: Readonly<Record<string, string>>;
}

export interface RetrainOptions {
  readonly lake: string;
  readonly registryUrl: string;
  readonly model: string;
  /** Folder for checkpoints, from which an interrupted retraining resumes. */
  readonly work: string;
  /** URL of a store that also keeps the checkpoints, so that another work folder can resume from them. */
  readonly checkpoints?: string;
  readonly tenant?: string;
  /** Labels that arrived later are ignored. Default: the start of the newest archived payment's day (UTC). */
  readonly cutoffMs?: number;
  /** How many days of payments before the cut-off are read. Default: all. */
  readonly daysMax?: number;
  /** Approximate maximum number of payments; a larger log is sampled. Default: `ROWS_MAX`. */
  readonly rowsMax?: number;
  readonly features: "log" | "backfill";
  readonly labelsBy: LakeDatasetOptions["labelsBy"];
  /** Tree parameters, and under `retrain` the criteria for a better model. */
  readonly paramsFile: string;
  readonly trustWeeks: boolean;
  /** A single feature with at least this AUC is rejected, because it may have seen the label. Default: 0.98. */
  readonly featureAucMax?: number;
  /** A registered version or alias to compare with the champion. Default: a model is trained. */
  readonly candidate?: string;
  /** A better model must also save money. Default: money is not compared. */
  readonly money?: MoneyOptions;
  /** Time of the drift. Earlier days may get less weight, and the better model is also trained on the newest weeks. */
  readonly driftMs?: number;
  readonly jobs: number;
  /** Aborts the training, which can resume from its checkpoints. */
  readonly signal?: AbortSignal;
  readonly output: CommandOutput;
}

const DAY_MS = 86_400_000;
/** The data was rejected. The outcome contains the reason, and an operator must check it. */
export const DATA_REFUSED = 2;
/** Not enough data yet; a later attempt may succeed. */
export const TOO_EARLY = 3;

/** The result of a retraining. */
export interface RetrainOutcome {
  /** 0, `DATA_REFUSED` or `TOO_EARLY`. */
  readonly code: number;
  /** The registered version; undefined if the champion was kept. */
  readonly version?: string;
  /** The time from which payments were not used to train the model; undefined if the champion was kept. */
  readonly learntToMs?: number;
  /** For a better `candidate`: its comparison with the champion, which its manifest cannot contain. */
  readonly comparison?: PrintedComparison;
  /** The last printed line. */
  readonly line: string;
}

const printedComparison = z.looseObject({ version: z.string() });
type PrintedComparison = z.infer<typeof printedComparison>;

/**
 * Reads the lake, trains, compares the result with the champion, and registers a challenger if it is better. Only one
 * retraining can run per work folder. If it is killed and called again with the same options, the outcome is the same.
 *
 * @throws TriplineError or Error in one sentence; nothing is registered in that case
 */
export async function retrain(asked: RetrainOptions): Promise<RetrainOutcome> {
  return holdLock(join(asked.work, "retrain.lock"), async () => {
    const options = await withVersion(asked);
    const { work, lake, tenant, output } = options;
    const checkpoints = await checkpointsOf(options);
    await checkpoints?.fetch();
    const opened = await openPlan({
      work,
      lake,
      request: await requestOf(options),
      nowMs: Date.now(),
      cutoffMs: async (positions) => options.cutoffMs ?? wholeDays(await newestPaymentMs({ lake, tenant, positions })),
    });
    const { plan, isResumed, newLabels } = opened;
    const since = isResumed ? "resumes an interrupted run" : `new_labels=${newLabels}`;
    output.write(`lake: cutoff=${new Date(plan.cutoffMs).toISOString()} ${since}\n`);
    // Done before any computation, so that a store that cannot be written to causes an immediate failure.
    await checkpoints?.keep();
    const dataset = await writeDataset(options, opened);
    const constant = await constantFeatures(options, opened);
    const outcome = await challenge({ ...options, output: keeping(checkpoints, output) }, opened, dataset, constant);
    await finishPlan(work, plan);
    await checkpoints?.keep();
    return outcome;
  });
}

async function withVersion(asked: RetrainOptions): Promise<RetrainOptions> {
  const { registryUrl, model, candidate } = asked;
  if (candidate === undefined) return asked;
  return { ...asked, candidate: await versionOfCandidate(registryUrl, model, candidate) };
}

async function checkpointsOf({ checkpoints, work }: RetrainOptions): Promise<Checkpoints | undefined> {
  return checkpoints === undefined ? undefined : new Checkpoints(await openStore(checkpoints), work);
}

/**
 * Python prints a line after each checkpoint. If the store rejects a checkpoint, training continues, and the next
 * checkpoint is tried.
 */
function keeping(checkpoints: Checkpoints | undefined, output: CommandOutput): CommandOutput {
  return {
    write(text) {
      if (checkpoints !== undefined && text.includes(CHECKPOINT_LINE)) {
        checkpoints.keep().catch((error: unknown) => {
          output.write(`warning: a checkpoint is not in the store: ${asTriplineError(error).message}\n`);
        });
      }
      return output.write(text);
    },
  };
}

const CHECKPOINT_LINE = "fit: trees=";

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))}%`;

const wholeDays = (timeMs: number): number => Math.floor(timeMs / DAY_MS) * DAY_MS;

/** Everything besides the lake on which an outcome depends: request, parameters, features and code. */
async function requestOf(options: RetrainOptions): Promise<string> {
  const { output: _, work: __, checkpoints: ___, signal: ____, ...asked } = options;
  const modules = (await readdir(TRAINING_CODE, { recursive: true })).filter((name) => name.endsWith(".py")).sort();
  const { costsFile, policyFiles = {} } = options.money ?? {};
  const money = costsFile === undefined ? [] : [costsFile, ...Object.values(policyFiles)];
  const own = [options.paramsFile, SPEC_FILE, ...money, ...DATASET_CODE];
  const paths = [...own, ...modules.map((name) => join(TRAINING_CODE, name))];
  const files = await Promise.all(paths.map((path) => readFile(path)));
  const code = await cacheKey([]);
  return createHash("sha256").update(JSON.stringify({ asked, code })).update(Buffer.concat(files)).digest("hex");
}

/** Writes the plan's payments only once: if the file exists, it is complete. */
async function writeDataset(options: RetrainOptions, { plan, folder }: OpenedPlan): Promise<string> {
  const path = join(folder, "features.parquet");
  if (existsSync(path)) return path;
  const { lake, tenant, labelsBy, features, daysMax, rowsMax = ROWS_MAX, output } = options;
  const write = features === "log" ? writeLoggedFeatures : writeComputedFeatures;
  const startedAt = performance.now();
  const { rows, labelled, frauds, otherSpec, incomplete, shares } = await write({
    lake,
    labelsBy,
    spec: currentFeatureSpec(),
    cutoffMs: plan.cutoffMs,
    positions: plan.positions,
    outputPath: path,
    sample: { rowsMax, purpose: "training" },
    ...(tenant === undefined ? {} : { tenant }),
    ...(daysMax === undefined ? {} : { fromMs: Math.max(0, plan.cutoffMs - daysMax * DAY_MS) }),
  });
  const left = `left_out_other_spec=${otherSpec} left_out_incomplete=${incomplete}`;
  const took = seconds(performance.now() - startedAt).trim();
  output.write(`read: rows=${rows} labelled=${labelled} frauds=${frauds} ${left} took=${took}\n`);
  if (shares !== undefined) {
    const { frauds: ofFrauds, genuine, cards } = shares;
    output.write(`sample: frauds=${percent(ofFrauds)} genuine=${percent(genuine)} cards=${percent(cards)}\n`);
  }
  if (rows === 0) {
    const remedy = "Use --features backfill --tenant <name>, which recomputes them from the archived payments.";
    throw new Error(`The archive contains no payment with features of spec ${currentFeatureSpec().version}. ${remedy}`);
  }
  return path;
}

/** Features that are constant online, even if they vary when they are recomputed. */
async function constantFeatures({ lake, tenant }: RetrainOptions, { plan }: OpenedPlan): Promise<readonly string[]> {
  const { positions, cutoffMs: untilMs } = plan;
  const of = { lake, positions, untilMs, spec: currentFeatureSpec(), ...(tenant === undefined ? {} : { tenant }) };
  return (await constantOnline(of)).constant;
}

/** The file with tenant and currency of each payment of the dataset, which is needed only to compare money. */
async function paymentKinds(
  options: RetrainOptions,
  { plan, folder }: OpenedPlan,
  dataset: string,
): Promise<string | undefined> {
  if (options.money === undefined) return undefined;
  const { lake, tenant, daysMax, features } = options;
  const path = join(folder, "payments.parquet");
  if (existsSync(path)) return path;
  const { cutoffMs, positions } = plan;
  const fromMs = daysMax === undefined ? 0 : Math.max(0, cutoffMs - daysMax * DAY_MS);
  await writePaymentKinds(
    { lake, cutoffMs, fromMs, positions, ...(tenant === undefined ? {} : { tenant }) },
    features,
    dataset,
    path,
  );
  return path;
}

async function challenge(
  options: RetrainOptions,
  opened: OpenedPlan,
  dataset: string,
  constantOnline: readonly string[],
): Promise<RetrainOutcome> {
  const { registryUrl, model } = options;
  const payments = await paymentKinds(options, opened, dataset);
  const asked = { ...options, cutoffMs: opened.plan.cutoffMs, folder: opened.folder, constantOnline, payments };
  return withFolderRegistry(
    registryUrl,
    model,
    (url) => challengeIn(url, asked, dataset),
    (listed) => comparedVersions(listed, options.candidate),
  );
}

export interface ChallengeOptions
  extends Pick<
    RetrainOptions,
    | "model"
    | "paramsFile"
    | "trustWeeks"
    | "featureAucMax"
    | "candidate"
    | "money"
    | "driftMs"
    | "jobs"
    | "output"
    | "signal"
  > {
  readonly cutoffMs: number;
  /** For checkpoints. */
  readonly folder: string;
  /** Parquet with tenant and currency of each payment; needed with `money`. */
  readonly payments?: string | undefined;
  /** Features that are constant online, so that no candidate uses them. */
  readonly constantOnline: readonly string[];
}

/**
 * Trains on a dataset, and registers the result if it is better than the champion. @throws Error with the last lines of
 * Python's output
 */
export async function challengeIn(
  registryUrl: string,
  options: ChallengeOptions,
  dataset: string,
): Promise<RetrainOutcome> {
  const { cutoffMs, folder, constantOnline, model, paramsFile, trustWeeks, driftMs, jobs, output, signal } = options;
  const commit = await currentCommit();
  const { code, output: printed } = await runPythonModule(
    "tripline_training.retrain",
    [
      ...["--features", dataset, "--feature-spec", SPEC_FILE, "--cutoff", new Date(cutoffMs).toISOString()],
      ...["--registry", registryUrl, "--name", model, "--work", folder],
      ...["--params", paramsFile, "--rules", paramsFile, "--jobs", String(jobs)],
      ...(constantOnline.length === 0 ? [] : ["--constant-online", constantOnline.join(",")]),
      ...(trustWeeks ? ["--trust-weeks"] : []),
      ...(options.featureAucMax === undefined ? [] : ["--feature-auc-max", String(options.featureAucMax)]),
      ...(driftMs === undefined ? [] : ["--drift-from", new Date(driftMs).toISOString()]),
      ...(commit === undefined ? [] : ["--commit", commit]),
      ...(options.candidate === undefined ? [] : ["--candidate", options.candidate]),
      ...moneyArguments(options),
    ],
    {
      interpreter: await trainingPython(),
      outcomes: [DATA_REFUSED, TOO_EARLY],
      onOutput: (text) => output.write(text),
      ...(signal === undefined ? {} : { signal }),
    },
  );
  const line = printed.trimEnd().split("\n").at(-1) ?? "";
  const [, comparison] = /^comparison: (\{.*\})$/m.exec(printed) ?? [];
  if (comparison !== undefined) return { code, line, comparison: printedComparison.parse(JSON.parse(comparison)) };
  const [, version, learntTo] = /^retrain: registered=\w+ version=(\w+) .*learnt_to=(\S+)/.exec(line) ?? [];
  if (version === undefined || learntTo === undefined) return { code, line };
  return { code, line, version, learntToMs: Date.parse(learntTo) };
}

function moneyArguments({ money, payments }: ChallengeOptions): string[] {
  if (money === undefined || payments === undefined) return [];
  const policies = Object.entries(money.policyFiles).flatMap(([tenant, file]) => ["--policy", `${tenant}=${file}`]);
  return ["--costs", money.costsFile, ...policies, "--payments", payments];
}
