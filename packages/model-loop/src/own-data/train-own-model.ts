import { filledColumns } from "@tripline/backfill/mapping/mapped-source";
import type { Mapping } from "@tripline/backfill/mapping/mapping";
import { featuresWithoutInput } from "@tripline/backfill/mapping/missing-features";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { withFolderRegistry } from "@tripline/model-registry/store/with-folder-registry";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { StepLog } from "@tripline/system/step-log";
import { runPython } from "../run-python.js";
import { FEATURE_SPEC, trainChampion } from "../train-champion.js";
import type { OwnFeatures } from "./compute-own-features.js";

/** Payments from `from` to `to`. As dates (UTC), `to` is included; as RFC 3339 times, it is excluded. */
export interface Period {
  readonly from: string;
  readonly to: string;
}

const DAY_MS = 86_400_000;

/**
 * Trains a model on the payments of a period, with the labels that had arrived by its end, and publishes it as
 * `champion`.
 *
 * @returns its version
 * @throws Error in one sentence; nothing is published in that case
 */
export function trainOwnModel(options: {
  readonly files: OwnFeatures;
  readonly mapping: Mapping;
  readonly period: Period;
  /** RFC 3339 time: labels that arrived later are not used. Default: the end of the period. */
  readonly knownBy?: string;
  /** A single feature with at least this AUC is rejected, because it may have seen the label. Default: 0.98. */
  readonly featureAucMax?: number;
  readonly registryUrl: string;
  readonly steps: StepLog;
}): Promise<string> {
  const { files, mapping, period, registryUrl, steps, knownBy = endOf(period), featureAucMax } = options;
  const limit = featureAucMax === undefined ? [] : ["--feature-auc-max", String(featureAucMax)];
  return trainChampion({
    features: files.features,
    registryUrl,
    periods: ["--train-from", period.from, "--train-to", period.to, "--known-by", knownBy, ...limit],
    constantOnline: featuresLackingInput(mapping),
    title: `train on ${period.from}..${period.to}`,
    steps,
  });
}

/**
 * Measures the champion on later payments and compares it with baselines.
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
      ...["--feature-spec", FEATURE_SPEC],
      ...["--registry", url],
      ...["--name", MODEL_NAME],
      ...["--from", period.from, "--to", period.to],
      ...["--review-share", String(reviewShare)],
      ...(jsonPath === undefined ? [] : ["--json", jsonPath]),
    ]),
  );
}

function featuresLackingInput(mapping: Mapping): string[] {
  return featuresWithoutInput(currentFeatureSpec(), filledColumns(mapping)).flatMap(({ features }) => features);
}

function endOf({ to }: Period): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(to) ? new Date(Date.parse(to) + DAY_MS).toISOString() : to;
}
