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

export interface ComparedWeeks {
  /** The average precision of each week, by version. */
  readonly versions: ReadonlyMap<string, readonly number[]>;
  /** That of a model that was trained on the shifted traffic alone. */
  readonly shifted: readonly number[];
}

/** The average precision of one week is chance to some per cent, so the mean of four is compared. */
export const MEASURED_WEEKS = 4;
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
  const measure = async (registry: string, names: readonly string[]): Promise<Map<string, number[]>> => {
    const span = ["--from", dateOf(measuredFrom), "--weeks", String(MEASURED_WEEKS)];
    const words = [...given, "--registry", registry, "--versions", names.join(","), ...span];
    const printed = await runPython("tripline_training.evaluation.measure_weeks", words);
    return new Map(Object.entries(weeks.parse(JSON.parse(printed))));
  };
  const [shifted = []] = (await measure(shiftedUrl, ["champion"])).values();
  return { versions: await measure(registryUrl, versions), shifted };
}

const weeks = z.record(z.string(), z.array(z.number()));

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The mean, and each week in brackets. */
export function weeksAsText(values: readonly number[]): string {
  return `${meanOf(values).toFixed(3)} (${values.map((value) => value.toFixed(3)).join(", ")})`;
}
