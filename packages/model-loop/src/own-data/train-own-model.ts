import { join } from "node:path";
import { filledColumns } from "@tripline/backfill/mapping/mapped-source";
import type { Mapping } from "@tripline/backfill/mapping/mapping";
import { featuresWithoutInput } from "@tripline/backfill/mapping/missing-features";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { withFolderRegistry } from "@tripline/model-registry/store/with-folder-registry";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { ROOT } from "@tripline/system/services/workspace";
import type { StepLog } from "@tripline/system/step-log";
import { currentCommit } from "../demo-model/train-demo-model.js";
import { runPython, trainingPython } from "../run-python.js";
import type { OwnFeatures } from "./compute-own-features.js";

/** Payments from `from` to `to`: dates (UTC), the second included, or RFC 3339 times, the second excluded. */
export interface Period {
  readonly from: string;
  readonly to: string;
}

const SPEC = join(ROOT, "packages", "contracts", "feature-spec.yaml");
const DAY_MS = 86_400_000;

/**
 * Trains a model on payments of a period, with the labels that had arrived at its end, and publishes it as `champion`.
 *
 * @returns its version
 * @throws Error in one sentence; nothing is published in that case
 */
export async function trainOwnModel(options: {
  readonly files: OwnFeatures;
  readonly mapping: Mapping;
  readonly period: Period;
  /** RFC 3339 time: labels that arrived later are not used. By default the end of the period. */
  readonly knownBy?: string;
  readonly registryUrl: string;
  readonly steps: StepLog;
}): Promise<string> {
  const { files, mapping, period, registryUrl, steps, knownBy = endOf(period) } = options;
  await steps.run("install Python packages", () => trainingPython());
  const commit = await currentCommit();
  await steps.run(`train on ${period.from}..${period.to}`, () =>
    withFolderRegistry(registryUrl, MODEL_NAME, (url) =>
      runPython("tripline_training.train", [
        ...["--features", files.features],
        ...["--feature-spec", SPEC],
        ...["--registry", url],
        ...["--name", MODEL_NAME],
        ...["--alias", "champion"],
        ...["--train-from", period.from, "--train-to", period.to],
        ...["--known-by", knownBy],
        ...["--constant-online", unusedFeatures(mapping).join(",")],
        ...(commit === undefined ? [] : ["--commit", commit]),
      ]),
    ),
  );
  return openRegistry(registryUrl).aliasTarget(MODEL_NAME, "champion");
}

/**
 * Measures the champion on later payments, compared with baselines.
 *
 * @returns a table
 * @throws Error in one sentence
 */
export async function evaluateOwnModel(options: {
  readonly files: OwnFeatures;
  readonly period: Period;
  readonly registryUrl: string;
  /** Share of the payments that are reviewed. */
  readonly reviewShare: number;
  readonly jsonPath?: string;
}): Promise<string> {
  const { files, period, registryUrl, reviewShare, jsonPath } = options;
  return withFolderRegistry(registryUrl, MODEL_NAME, (url) =>
    runPython("tripline_training.compare_baselines", [
      ...["--features", files.features, "--raw", files.raw],
      ...["--feature-spec", SPEC],
      ...["--registry", url],
      ...["--name", MODEL_NAME],
      ...["--from", period.from, "--to", period.to],
      ...["--review-share", String(reviewShare)],
      ...(jsonPath === undefined ? [] : ["--json", jsonPath]),
    ]),
  );
}

/** Features that are constant online: their input is missing, or they are profiles, which a first model lacks. */
function unusedFeatures(mapping: Mapping): string[] {
  const spec = currentFeatureSpec();
  const profiles = spec.features.flatMap(({ kind, name }) => (kind === "profile" ? [name] : []));
  const missing = featuresWithoutInput(spec, filledColumns(mapping)).flatMap(({ features }) => features);
  return [...new Set([...profiles, ...missing])];
}

function endOf({ to }: Period): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(to) ? new Date(Date.parse(to) + DAY_MS).toISOString() : to;
}
