import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backfill } from "@tripline/backfill/backfill";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { writeHistory } from "@tripline/backfill/input/write-history";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { holdLock } from "@tripline/local-stack/processes/hold-lock";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { DAY_MS } from "@tripline/simulator/payment-times";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_TENANT, MODEL_NAME } from "@tripline/system/services/plan-services";
import type { StepLog } from "@tripline/system/step-log";
import { z } from "zod";
import { trainChampion } from "../train-champion.js";
import { cacheKey, dropOldEntries } from "./train-cache.js";

export interface TrainOptions {
  /** Training output goes to `.tripline` in this folder: histories to `data`, models to `registry`. */
  readonly root: string;
  /** Secrets of the installation, with the card token key. Created if missing. */
  readonly secretsFile: string;
  /** Where the model is published. Default: the folder's own registry. */
  readonly registryUrl?: string;
  readonly steps: StepLog;
  /** Simulation options. Default: 2,000 cards at 2,000 terminals for 60 days. */
  readonly simulation?: SimulationOptions;
  readonly days?: number;
  /** Trains even if the model is cached. */
  readonly force?: boolean;
}

/** A model and the simulation that it was trained on, which live traffic continues. */
export interface TrainedModel {
  readonly registryUrl: string;
  /** The version to which `champion` pointed after training. */
  readonly version: string;
  /** Window state just before `historyEndMs`, for `load-state`. */
  readonly statePath: string;
  /** Folder of the profile tables, for `load-profiles`. */
  readonly profilesPath: string;
  /** End of the simulated history. The model has seen nothing that happened after it. */
  readonly historyEndMs: number;
  readonly simulation: SimulationOptions;
  readonly fromCache: boolean;
}

/** Fixed, so that the same code always trains the same model. */
const HISTORY_START_MS = Date.UTC(2025, 0, 6);

export const HISTORY_DAYS = 60;

/** The first days are excluded from training: their 30-day windows are still mostly empty. */
const WARM_UP_DAYS = 20;

/** The last days, on which the model is evaluated. */
const VALID_DAYS = 7;

/** Gap between training and evaluation: labels take this long to arrive, and training must not use future labels. */
const LABEL_DELAY_DAYS = 7;

const CACHE_ENTRIES_MAX = 3;

export const DEMO_SIMULATION: SimulationOptions = {
  seed: 1,
  cards: 2_000,
  terminals: 2_000,
  startMs: HISTORY_START_MS,
};

/**
 * Simulates a history, computes its features, trains a model and publishes it as `champion`. If the data, feature spec
 * and code are unchanged, the cached model is used.
 *
 * @throws TriplineError or Error in one sentence; nothing is published in that case
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

/** Written last: if this file exists, the other files are complete. */
const RESULT_FILE = "result.json";

const result = z.strictObject({ version: z.string() });

/** The version that was trained here earlier, if the registry still contains it and has a champion. */
async function cachedVersion(folder: string, registryUrl: string): Promise<string | undefined> {
  try {
    const { version } = result.parse(JSON.parse(await readFile(join(folder, RESULT_FILE), "utf8")));
    const registry = openRegistry(registryUrl);
    await registry.resolve(MODEL_NAME, version);
    await registry.resolve(MODEL_NAME, "champion");
    return version;
  } catch {
    // If a file is missing or damaged, a new training run replaces it.
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

function trainAndPublish(folder: string, work: Work): Promise<string> {
  const { simulation, historyEndMs, registryUrl, steps } = work;
  const validFromMs = historyEndMs - VALID_DAYS * DAY_MS;
  return trainChampion({
    features: join(folder, "features.parquet"),
    registryUrl,
    periods: [
      ...["--train-from", instant(simulation.startMs + WARM_UP_DAYS * DAY_MS)],
      ...["--train-to", instant(validFromMs - LABEL_DELAY_DAYS * DAY_MS)],
      ...["--valid-from", instant(validFromMs)],
      ...["--valid-to", instant(historyEndMs)],
    ],
    title: "train, check and publish the model",
    steps,
  });
}

const instant = (atMs: number): string => new Date(atMs).toISOString();
