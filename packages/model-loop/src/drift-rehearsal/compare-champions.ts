import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { z } from "zod";
import { dateOf } from "../drift/judge-day.js";
import { SPEC_FILE } from "../retraining/retrain.js";
import { runPython } from "../run-python.js";

export interface CompareOptions {
  /** Payments with their features and labels. */
  readonly features: string;
  /** For the model that is trained here. */
  readonly folder: string;
  readonly registryUrl: string;
  readonly paramsFile: string;
  /** Versions or aliases that are measured. */
  readonly versions: readonly string[];
  readonly shiftDay: number;
  /** The first day that none of them has learnt from. */
  readonly measuredFrom: number;
}

/** A model on the measured weeks, beside one of the shifted traffic alone. */
export interface ComparedModel {
  /** The average precision of each week. */
  readonly weeks: readonly number[];
  /** Of its mean to that of the other one. */
  readonly ratio: number;
  /** The 95 % interval of the ratio, as far as it comes from the payments that are measured. */
  readonly low: number;
  readonly high: number;
}

export interface ComparedWeeks {
  readonly frauds: readonly number[];
  /** The average precision of each week of a model that was trained on the shifted traffic alone. */
  readonly shifted: readonly number[];
  readonly versions: ReadonlyMap<string, ComparedModel>;
}

/** The average precision of one week is chance to some per cent, and four weeks still hold a ratio to 2 or 3 % only. */
export const MEASURED_WEEKS = 12;
/** By then nearly all labels of a payment have arrived. */
export const LABEL_DAYS = 8;

/**
 * Measures models on the weeks after a shift of the traffic, beside one that has every label of the shifted traffic that
 * there is by then, and nothing else.
 *
 * @throws Error with the last lines of Python, for instance where the shifted traffic has too few frauds yet
 */
export async function compareChampions(options: CompareOptions): Promise<ComparedWeeks> {
  const { features, folder, registryUrl, paramsFile, versions, shiftDay, measuredFrom } = options;
  const shiftedUrl = pathToFileURL(join(folder, "registry")).href;
  const given = ["--features", features, "--feature-spec", SPEC_FILE, "--name", MODEL_NAME];
  await runPython("tripline_training.train", [
    ...[...given, "--registry", shiftedUrl, "--alias", "champion", "--params", paramsFile],
    ...["--train-from", dateOf(shiftDay), "--train-to", dateOf(measuredFrom - LABEL_DAYS)],
    ...["--valid-from", dateOf(measuredFrom), "--valid-to", dateOf(measuredFrom + 6)],
  ]);
  const printed = await runPython("tripline_training.evaluation.measure_weeks", [
    ...[...given, "--registry", registryUrl, "--versions", versions.join(","), "--beside", shiftedUrl],
    ...["--from", dateOf(measuredFrom), "--weeks", String(MEASURED_WEEKS)],
  ]);
  const { frauds, beside, versions: measured } = measuredWeeks.parse(JSON.parse(printed));
  return { frauds, shifted: beside, versions: new Map(Object.entries(measured)) };
}

const weeks = z.array(z.number());
const measuredWeeks = z.object({
  frauds: weeks,
  beside: weeks,
  versions: z.record(z.string(), z.object({ weeks, ratio: z.number(), low: z.number(), high: z.number() })),
});

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The mean, and each week in brackets. */
function weeksAsText(values: readonly number[]): string {
  return `${meanOf(values).toFixed(3)} (${values.map((value) => value.toFixed(3)).join(", ")})`;
}

/** One sentence about two of the versions that were measured. */
export function comparedAsText({ frauds, shifted, versions }: ComparedWeeks, version: string, before: string): string {
  const [champion, old] = [versions.get(version), versions.get(before)];
  if (champion === undefined || old === undefined) return `${version} and ${before} were not measured`;
  const count = frauds.reduce((sum, each) => sum + each, 0);
  return (
    `Mean AP of ${frauds.length} later weeks with ${count} frauds: champion ${weeksAsText(champion.weeks)}, trained on ` +
    `the new traffic alone ${weeksAsText(shifted)}, the champion before ${weeksAsText(old.weeks)}. Ratio: ` +
    `${champion.ratio.toFixed(3)}; with other cards drawn from these ${champion.low.toFixed(3)} to ${champion.high.toFixed(3)}`
  );
}
