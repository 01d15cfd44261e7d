import { readFile, writeFile } from "node:fs/promises";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { dateOf } from "../drift/judge-day.js";
import { PARAMS_FILE } from "../retraining/retrain.js";
import type { LoopTimes } from "../training-worker/training-loop.js";

/** A small simulation with four times the usual fraud, so that one week contains enough for an evaluation. */
export const DRIFT_WORLD: { readonly simulation: SimulationOptions; readonly days: number } = {
  simulation: {
    seed: 7,
    cards: 300,
    terminals: 300,
    startMs: Date.UTC(2025, 0, 6),
    fraud: { compromisedTerminals: 1.2, stolenCards: 2.4, testingBursts: 1.8, binTestings: 0.2 },
  },
  days: 45,
};

/**
 * Live traffic before the training worker starts: a day is compared with the preceding 28 days, and is complete once
 * the next day has begun.
 */
export const LIVE_DAYS = 30;
/** The traffic stays unchanged for this many more days before the drift. */
export const CLEAN_DAYS = 14;
/** Within this many days after the drift, a new champion must be in place. */
export const ANSWER_DAYS_MAX = 59;
/** Retrainings are weekly after a drift; without a drift, there are none. */
export const TIMES: LoopTimes = { everyDays: 365, retryDays: 7 };

/**
 * Training parameters for weeks instead of months. The oldest week consists of live traffic, because the history is not
 * in the lake.
 */
export async function writeParams(path: string, firstLiveDay: number): Promise<void> {
  const { retrain, ...trees } = JSON.parse(await readFile(PARAMS_FILE, "utf8"));
  const oldWeek = [dateOf(firstLiveDay + 7), dateOf(firstLiveDay + 13)];
  const rules = { ...retrain, newest_days: 7, warm_up_days: 0, train_days_min: 7, fixed_windows: [oldWeek] };
  await writeFile(path, JSON.stringify({ ...trees, trees: 120, retrain: rules }));
}
