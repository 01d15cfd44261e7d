import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { backfill } from "@tripline/backfill/backfill";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { writeHistory } from "@tripline/backfill/input/write-history";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { holdLock } from "@tripline/local-stack/processes/hold-lock";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { withFolderRegistry } from "@tripline/model-registry/store/with-folder-registry";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { DAY_MS } from "@tripline/simulator/keep-rhythm";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_TENANT, MODEL_NAME } from "@tripline/system/services/plan-services";
import { ROOT } from "@tripline/system/services/workspace";
import type { StepLog } from "@tripline/system/step-log";
import { z } from "zod";
import { runPython, trainingPython } from "../run-python.js";
import { cacheKey, dropOldEntries } from "./train-cache.js";

export interface TrainOptions {
  /** What is trained lies below `.tripline` in this folder: histories in `data`, models in `registry`. */
  readonly root: string;
  /** Secrets of the installation: the card token key stands in its file. Made when it is missing. */
  readonly secretsFile: string;
  /** Where the model is published; the folder's own registry unless given. */
  readonly registryUrl?: string;
  readonly steps: StepLog;
  /** What is simulated; default 2,000 cards at 2,000 terminals for 60 days. */
  readonly simulation?: SimulationOptions;
  readonly days?: number;
  /** Train even if the cache has the model. */
  readonly force?: boolean;
}

/** A model with the world it was trained in, which live traffic continues. */
export interface TrainedModel {
  readonly registryUrl: string;
  /** Version that the alias `champion` named when it was trained. */
  readonly version: string;
  /** Window state right before `historyEndMs`, for `load-state`. */
  readonly statePath: string;
  /** Folder of the profile tables, for `load-profiles`. */
  readonly profilesPath: string;
  /** The history of `simulation` ends before this moment; what happens from here on, the model has not seen. */
  readonly historyEndMs: number;
  readonly simulation: SimulationOptions;
  readonly fromCache: boolean;
}

/** Always the same days, so that the same code always trains the same model. */
const HISTORY_START_MS = Date.UTC(2025, 0, 6);

export const HISTORY_DAYS = 60;

/** The first days are left out of training: their windows of 30 days are mostly empty still. */
const WARM_UP_DAYS = 20;

/** Days at the end on which the model is measured. */
const VALID_DAYS = 7;

/** Days between training and measuring: labels need that long, and none of the future may be used. */
const LABEL_DELAY_DAYS = 7;

const CACHE_ENTRIES_MAX = 3;

export const DEMO_SIMULATION: SimulationOptions = {
  seed: 1,
  cards: 2_000,
  terminals: 2_000,
  startMs: HISTORY_START_MS,
};

/**
 * Simulates a history, computes its features, trains, and publishes the model as `champion`. What
 * was trained before with the same data, feature spec and code is taken from the cache.
 *
 * @throws TriplineError or Error in one sentence; nothing is published then
 */
export async function trainDemoModel(options: TrainOptions): Promise<TrainedModel> {
  const simulation = options.simulation ?? DEMO_SIMULATION;
  const historyEndMs = simulation.startMs + (options.days ?? HISTORY_DAYS) * DAY_MS;
  const cardTokenKey = Buffer.from(demoSecrets(options.secretsFile).cardTokenKey, "base64");
  const state = join(options.root, ".tripline");
  const key = await cacheKey([JSON.stringify(simulation), String(historyEndMs), DEMO_TENANT, cardTokenKey]);
  const folder = join(state, "data", key);
  const registryUrl = options.registryUrl ?? registryIn(options.root);
  const known = {
    registryUrl,
    statePath: join(folder, "state.bin"),
    historyEndMs,
    simulation,
    profilesPath: join(folder, "profiles"),
  };
  return holdLock(join(state, "train.lock"), async () => {
    const cached = options.force ? undefined : await cachedVersion(folder, registryUrl);
    if (cached !== undefined) {
      options.steps.note(`model ${MODEL_NAME} ${cached} (trained before)`, 0);
      return { ...known, version: cached, fromCache: true };
    }
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await writeFeatures(folder, { ...known, cardTokenKey, steps: options.steps });
    const version = await trainAndPublish(folder, { ...known, steps: options.steps });
    await writeFile(join(folder, RESULT_FILE), JSON.stringify({ version }));
    await dropOldEntries(join(state, "data"), CACHE_ENTRIES_MAX);
    return { ...known, version, fromCache: false };
  });
}

export const registryIn = (root: string): string => pathToFileURL(join(root, ".tripline", "registry")).href;

/** Written last: where it is, the rest is whole. */
const RESULT_FILE = "result.json";

const result = z.strictObject({ version: z.string() });

/** The version that was trained here before, as long as the registry still has it and names a champion. */
async function cachedVersion(folder: string, registryUrl: string): Promise<string | undefined> {
  try {
    const { version } = result.parse(JSON.parse(await readFile(join(folder, RESULT_FILE), "utf8")));
    const registry = openRegistry(registryUrl);
    await registry.resolve(MODEL_NAME, version);
    await registry.resolve(MODEL_NAME, "champion");
    return version;
  } catch {
    // If something is missing or damaged, training again replaces it.
    return undefined;
  }
}

interface Work {
  readonly simulation: SimulationOptions;
  readonly historyEndMs: number;
  readonly statePath: string;
  readonly profilesPath: string;
  readonly registryUrl: string;
  readonly steps: StepLog;
}

async function writeFeatures(folder: string, work: Work & { readonly cardTokenKey: Uint8Array }): Promise<void> {
  const { simulation, historyEndMs, statePath, profilesPath, steps, cardTokenKey } = work;
  const days = (historyEndMs - simulation.startMs) / DAY_MS;
  const path = join(folder, "transactions.parquet");
  await steps.run(`simulate ${days} days of ${simulation.cards} cards`, (onProgress) =>
    writeHistory({ simulation, untilMs: historyEndMs, tenant: DEMO_TENANT, cardTokenKey, path, onProgress }),
  );
  await steps.run("compute features and window state", (progress) =>
    backfill({
      spec: currentFeatureSpec(),
      source: fileSource(path),
      tenant: DEMO_TENANT,
      outputPath: join(folder, "features.parquet"),
      statePath,
      profilesPath,
      untilMs: historyEndMs,
      onProgress: ({ doneEvents, totalEvents }) => progress({ done: doneEvents, total: totalEvents }),
    }),
  );
}

async function trainAndPublish(folder: string, work: Work): Promise<string> {
  const { simulation, historyEndMs, registryUrl, steps } = work;
  await steps.run("install Python packages", () => trainingPython());
  const validFromMs = historyEndMs - VALID_DAYS * DAY_MS;
  const commit = await currentCommit();
  await steps.run("train, check and publish the model", () =>
    withFolderRegistry(registryUrl, MODEL_NAME, (url) =>
      runPython("tripline_training.train", [
        ...["--features", join(folder, "features.parquet")],
        ...["--feature-spec", join(ROOT, "packages", "contracts", "feature-spec.yaml")],
        ...["--registry", url],
        ...["--name", MODEL_NAME],
        ...["--alias", "champion"],
        ...["--train-from", instant(simulation.startMs + WARM_UP_DAYS * DAY_MS)],
        ...["--train-to", instant(validFromMs - LABEL_DELAY_DAYS * DAY_MS)],
        ...["--valid-from", instant(validFromMs)],
        ...["--valid-to", instant(historyEndMs)],
        // Nothing has materialised profiles where a first model serves. A retraining knows what payments have there.
        ...["--constant-online", profileFeatures().join(",")],
        ...(commit === undefined ? [] : ["--commit", commit]),
      ]),
    ),
  );
  return openRegistry(registryUrl).aliasTarget(MODEL_NAME, "champion");
}

const profileFeatures = (): string[] =>
  currentFeatureSpec().features.flatMap(({ kind, name }) => (kind === "profile" ? [name] : []));

const instant = (atMs: number): string => new Date(atMs).toISOString();

/** For the model's record; a copy without git has none. */
export async function currentCommit(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd: ROOT });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
