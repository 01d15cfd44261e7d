import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { z } from "zod";
import { dateOf } from "../drift/judge-day.js";
import { SPEC_FILE } from "../retraining/retrain.js";
import { runPython } from "../run-python.js";

export interface CompareOptions {
  /** Parquet with payments, features and labels. */
  readonly features: string;
  /** For the files of the reference model trained here. */
  readonly folder: string;
  readonly registryUrl: string;
  readonly paramsFile: string;
  /** The versions or aliases to evaluate. */
  readonly versions: readonly string[];
  readonly shiftDay: number;
  /** The first day on which none of the versions was trained. */
  readonly measuredFrom: number;
}

/** A model's results on the evaluated weeks, compared with a model trained only on post-drift traffic. */
export interface ComparedModel {
  /** Average precision per week. */
  readonly weeks: readonly number[];
  /** The mean of these values divided by the reference model's mean. */
  readonly ratio: number;
  /** Lower bound of the ratio's 95 % interval, which accounts only for the sampling of the evaluated payments. */
  readonly low: number;
  readonly high: number;
}

export interface ComparedWeeks {
  readonly frauds: readonly number[];
  /** Average precision per week of the model trained only on post-drift traffic. */
  readonly shifted: readonly number[];
  readonly versions: ReadonlyMap<string, ComparedModel>;
}

/**
 * In a single week, average precision varies by several percent; over four weeks, the ratio is still uncertain by 2 to
 * 3 %.
 */
export const MEASURED_WEEKS = 12;
/** Nearly all labels of a payment arrive within this time. */
export const LABEL_DAYS = 8;

/**
 * Evaluates models on the weeks after a drift, compared with a model trained only on all post-drift labels available by
 * then.
 *
 * @throws Error with the last lines of Python's output, for example if there is too little fraud after the drift
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

/** One sentence about one of the evaluated versions. */
export function comparedAsText({ frauds, shifted, versions }: ComparedWeeks, version: string, before: string): string {
  const [champion, old] = [versions.get(version), versions.get(before)];
  if (champion === undefined || old === undefined) return `${version} and ${before} were not evaluated`;
  const count = frauds.reduce((sum, each) => sum + each, 0);
  return (
    `Mean AP of ${frauds.length} later weeks with ${count} frauds: champion ${weeksAsText(champion.weeks)}, trained on ` +
    `the new traffic alone ${weeksAsText(shifted)}, previous champion ${weeksAsText(old.weeks)}. Ratio: ` +
    `${champion.ratio.toFixed(3)}; 95 % interval ${champion.low.toFixed(3)} to ${champion.high.toFixed(3)}`
  );
}
