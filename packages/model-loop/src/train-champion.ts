import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { withFolderRegistry } from "@tripline/model-registry/store/with-folder-registry";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { ROOT } from "@tripline/system/services/workspace";
import type { StepLog } from "@tripline/system/step-log";
import { runPython, trainingPython } from "./run-python.js";

export interface ChampionOptions {
  /** Parquet file of `backfill`. */
  readonly features: string;
  readonly registryUrl: string;
  /** Arguments of `tripline_training.train` that select payments and labels. */
  readonly periods: readonly string[];
  /** Features that never change in production, apart from profile features. */
  readonly constantOnline?: readonly string[];
  /** Name of the step. */
  readonly title: string;
  readonly steps: StepLog;
}

export const FEATURE_SPEC = join(ROOT, "packages", "contracts", "feature-spec.yaml");

/**
 * Trains a first model, checks it and publishes it as `champion`.
 *
 * @returns its version
 * @throws Error in one sentence; nothing is published in that case
 */
export async function trainChampion(options: ChampionOptions): Promise<string> {
  const { features, registryUrl, periods, constantOnline = [], title, steps } = options;
  await steps.run("install Python packages", () => trainingPython());
  const commit = await currentCommit();
  // A first model works without materialised profiles. Retraining later learns from the lake which profiles payments
  // have.
  const constant = new Set([...profileFeatures(), ...constantOnline]);
  await steps.run(title, () =>
    withFolderRegistry(registryUrl, MODEL_NAME, (url) =>
      runPython("tripline_training.train", [
        ...["--features", features],
        ...["--feature-spec", FEATURE_SPEC],
        ...["--registry", url],
        ...["--name", MODEL_NAME],
        ...["--alias", "champion"],
        ...periods,
        ...["--constant-online", [...constant].join(",")],
        ...(commit === undefined ? [] : ["--commit", commit]),
      ]),
    ),
  );
  return openRegistry(registryUrl).aliasTarget(MODEL_NAME, "champion");
}

const profileFeatures = (): string[] =>
  currentFeatureSpec().features.flatMap(({ kind, name }) => (kind === "profile" ? [name] : []));

/** For the model manifest; undefined if git is not available. */
export async function currentCommit(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd: ROOT });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
