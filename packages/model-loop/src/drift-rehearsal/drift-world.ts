import { readFile, writeFile } from "node:fs/promises";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { dateOf } from "../drift/judge-day.js";
import { PARAMS_FILE } from "../retraining/retrain.js";
import type { LoopTimes } from "../training-worker/training-loop.js";

/** A small world with four times the frauds, so that a week of it holds enough of them to measure by. */
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

/** Live traffic before the training worker begins: a day is judged beside the 28 before it, and is whole when the next has begun. */
export const LIVE_DAYS = 30;
/** After them, of traffic as ever. Then it shifts. */
export const CLEAN_DAYS = 14;
/** Within so many days of the shift the drift has to be answered. */
export const ANSWER_DAYS_MAX = 59;
/** A retraining for every week after a drift, and none without one. */
export const TIMES: LoopTimes = { everyDays: 365, retryDays: 7 };

/** Rules for weeks instead of months. The old week is one of live traffic: the history is not in the lake. */
export async function writeParams(path: string, firstLiveDay: number): Promise<void> {
  const { retrain, ...trees } = JSON.parse(await readFile(PARAMS_FILE, "utf8"));
  const oldWeek = [dateOf(firstLiveDay + 7), dateOf(firstLiveDay + 13)];
  const rules = { ...retrain, newest_days: 7, warm_up_days: 0, train_days_min: 7, fixed_windows: [oldWeek] };
  await writeFile(path, JSON.stringify({ ...trees, trees: 120, retrain: rules }));
}
