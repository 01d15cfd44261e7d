import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { openStore } from "@tripline/object-store/open-store";
import { createLogger } from "@tripline/service-kit/telemetry/logger";
import { registry as metrics } from "@tripline/service-kit/telemetry/metrics";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { RolloutClient } from "@tripline/system/client/rollout-client";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { z } from "zod";
import { DAY_MS, dateOf } from "../drift/judge-day.js";
import type { FollowedTraining } from "../following/follow-training.js";
import { followTraining } from "../following/follow-training.js";
import { LoopState } from "../following/loop-state.js";
import { PARAMS_FILE, SPEC_FILE } from "../retraining/retrain.js";
import { writeLoggedFeatures } from "../retraining/retrain-dataset.js";
import { runPython } from "../run-python.js";
import type { TrainedModel } from "../training/train-demo-model.js";
import { DayPlayer } from "./day-player.js";

export interface DriftJourneyOptions {
  readonly client: Pick<TriplineClient, "decideAll" | "applyLabels">;
  readonly rollouts: RolloutClient;
  readonly kafka: Kafka;
  /** The folder that the archive writes to. */
  readonly lake: string;
  readonly model: TrainedModel;
  /** Prints each step once it has happened. */
  print(text: string): void;
}

/** A small world with four times the frauds, so that a week of it holds enough of them to measure by. */
export const DRIFT_WORLD: { readonly simulation: SimulationOptions; readonly days: number } = {
  simulation: {
    ...{ seed: 7, cards: 300, terminals: 300, startMs: Date.UTC(2025, 0, 6) },
    fraud: { compromisedTerminals: 1.2, stolenCards: 2.4, testingBursts: 1.8, binTestings: 0.2 },
  },
  days: 45,
};

/** A day is judged beside the 28 before it, and is whole when the next one has begun. */
const HISTORY_DAYS = 30;
const CLEAN_DAYS = 14;
/** Within so many days of the shift the drift has to be answered. */
const ANSWER_DAYS_MAX = 59;
/** The average precision of one week is chance to some per cent, so the mean of four is compared. */
const MEASURED_WEEKS = 4;
/** By then nearly all labels of a payment have arrived. */
const LABEL_DAYS = 8;
const AP_LOSS_MAX = 0.02;
const LOOK_MS = 200;
const TURN_MS_MAX = 600_000;

/**
 * Two weeks of traffic as ever start nothing. Then the traffic shifts: owners pay more, and thieves hide in small amounts. The
 * training worker finds it, retrains as labels arrive, and control rolls out what is better; nobody does anything. In the end the
 * champion is as good on the new traffic as a model that was trained on nothing else.
 *
 * @throws Error in one sentence that says which step failed
 */
export async function driftJourney(options: DriftJourneyOptions): Promise<void> {
  const { model, client, lake, print } = options;
  const folder = await mkdtemp(join(tmpdir(), "tripline-drift-journey-"));
  const ending = new AbortController();
  const shiftDay = model.historyEndMs / DAY_MS + HISTORY_DAYS + CLEAN_DAYS;
  const player = new DayPlayer(client, model, (payment) => shifted(payment, shiftDay * DAY_MS));
  let worker: FollowedTraining | undefined;
  try {
    // An earlier journey may have left another one.
    await openRegistry(model.registryUrl).setAlias(MODEL_NAME, "champion", model.version, { why: "begin the journey" });
    const paramsFile = await writeParams(folder, model.historyEndMs / DAY_MS);
    for (let day = 0; day < HISTORY_DAYS; day += 1) await player.playDay();
    await settle(options);
    print(`${HISTORY_DAYS} days of traffic are decided and archived; now the training worker looks at the lake.`);
    worker = await startWorker(options, { folder, paramsFile, signal: ending.signal });

    await play(options, player, worker, CLEAN_DAYS, async () => true);
    const clean = await factsOf(folder);
    const usual = await usualDays();
    if (clean.alarm !== null || clean.triedDay !== null || usual < CLEAN_DAYS) {
      throw new Error(`Two weeks as ever started something, ${usual} days as usual: ${JSON.stringify(clean)}`);
    }
    print(`Two weeks of traffic as ever: ${usual} days are judged, no drift, no retraining.`);

    const champions: string[] = [];
    await play(options, player, worker, ANSWER_DAYS_MAX, async () => {
      const facts = await factsOf(folder);
      const champion = await openRegistry(model.registryUrl).aliasTarget(MODEL_NAME, "champion");
      if (champion !== (champions.at(-1) ?? model.version)) {
        champions.push(champion);
        print(`${dateOf(player.nextDayMs / DAY_MS)}: ${champion} is the champion, by the rollout alone.`);
      }
      return champions.length === 0 || facts.alarm !== null;
    });
    const answered = await factsOf(folder);
    if (champions.length === 0 || answered.alarm !== null) {
      throw new Error(`The drift of ${dateOf(shiftDay)} is not answered: ${JSON.stringify(answered)}`);
    }
    // What is measured, nobody has learnt.
    ending.abort();
    await worker.ended;
    const measuredFrom = player.nextDayMs / DAY_MS;
    for (let day = 0; day < 7 * MEASURED_WEEKS + LABEL_DAYS; day += 1) await player.playDay();
    await settle(options);
    print(await compare({ lake, folder, model, paramsFile, shiftDay, measuredFrom }));
  } finally {
    ending.abort();
    await worker?.ended;
    await rm(folder, { recursive: true, force: true });
  }
}

/** From a moment on owners pay half as much again, and thieves little. */
function shifted(payment: SimulatedPayment, fromMs: number): SimulatedPayment {
  if (payment.occurredAtMs < fromMs) return payment;
  const factor = payment.fraud ? 0.2 : 1.5;
  return { ...payment, amountMinor: Math.max(1, Math.round(payment.amountMinor * factor)) };
}

/** Rules for weeks instead of months. The old week is one of live traffic: the history is not in the lake. */
async function writeParams(folder: string, firstDay: number): Promise<string> {
  const path = join(folder, "params.json");
  const { retrain, ...trees } = JSON.parse(await readFile(PARAMS_FILE, "utf8"));
  const oldWeek = [dateOf(firstDay + 7), dateOf(firstDay + 13)];
  const rules = { ...retrain, newest_days: 7, warm_up_days: 0, train_days_min: 7, fixed_windows: [oldWeek] };
  await writeFile(path, JSON.stringify({ ...trees, trees: 120, retrain: rules }));
  return path;
}

async function startWorker(
  { kafka, rollouts, lake, model: { registryUrl } }: DriftJourneyOptions,
  { folder, paramsFile, signal }: { folder: string; paramsFile: string; signal: AbortSignal },
): Promise<FollowedTraining> {
  const worker = await followTraining({
    retrain: {
      ...{ lake, registryUrl, model: MODEL_NAME, work: join(folder, "work"), paramsFile },
      checkpoints: checkpointsIn(folder),
      ...{ features: "log", labelsBy: "event-time", trustWeeks: false, jobs: 2 },
    },
    ...{ kafka, rollouts, signal, lookMs: LOOK_MS, times: { everyDays: 365, retryDays: 7 } },
    // Enough cards of a small world for the guards to judge.
    rolloutPlan: { shadow_seconds: 1, step_seconds: 1, steps_percent: [20, 50] },
    logger: createLogger("training", process.env.LOG_LEVEL ?? "info"),
  });
  await turnsOf(worker, 1);
  return worker;
}

const checkpointsIn = (folder: string): string => pathToFileURL(join(folder, "checkpoints")).href;
const factsOf = async (folder: string) => (await LoopState.open(await openStore(checkpointsIn(folder)))).current;

/** Days one after another, each when the worker has done with the one before; as long as it shall go on. */
async function play(
  options: DriftJourneyOptions,
  player: DayPlayer,
  worker: FollowedTraining,
  days: number,
  goesOn: () => Promise<boolean>,
): Promise<void> {
  for (let day = 0; day < days; day += 1) {
    await player.playDay();
    await settle(options);
    // One may have begun before the day was archived.
    await turnsOf(worker, 2);
    if (!(await goesOn())) return;
  }
}

async function turnsOf(worker: FollowedTraining, count: number): Promise<void> {
  const until = worker.turns() + count;
  const endMs = Date.now() + TURN_MS_MAX;
  while (worker.turns() < until) {
    if (Date.now() > endMs) throw new Error(`The training worker does not get on: ${worker.fault() ?? "it is busy"}`);
    await delay(LOOK_MS);
  }
}

async function usualDays(): Promise<number> {
  const text = (await metrics.getSingleMetricAsString("tripline_training_days_total")) ?? "";
  return Number(/result="usual"\} (\d+)/.exec(text)?.[1] ?? 0);
}

function settle({ kafka, lake }: DriftJourneyOptions): Promise<void> {
  return awaitArchive(kafka, lake, [TOPICS.features, TOPICS.decisions, TOPICS.labels]);
}

interface Compared {
  readonly lake: string;
  readonly folder: string;
  readonly model: TrainedModel;
  readonly paramsFile: string;
  readonly shiftDay: number;
  readonly measuredFrom: number;
}

const report = z.object({ measures: z.object({ average_precision: z.object({ value: z.number() }) }) });

/** Champion, the champion before, and a model of the shifted traffic alone, on weeks that none of them knows. */
async function compare({ lake, folder, model, paramsFile, shiftDay, measuredFrom }: Compared): Promise<string> {
  const features = join(folder, "features.parquet");
  const spec = currentFeatureSpec();
  const cutoffMs = (measuredFrom + 7 * MEASURED_WEEKS + LABEL_DAYS) * DAY_MS;
  await writeLoggedFeatures({ lake, spec, cutoffMs, labelsBy: "event-time", outputPath: features });
  const registryUrl = pathToFileURL(join(folder, "registry")).href;
  const given = ["--features", features, "--feature-spec", SPEC_FILE, "--name", MODEL_NAME];
  // It has every label of the shifted traffic that there is by then.
  await runPython("tripline_training.train", [
    ...[...given, "--registry", registryUrl, "--alias", "champion", "--params", paramsFile],
    ...["--train-from", dateOf(shiftDay), "--train-to", dateOf(measuredFrom - LABEL_DAYS)],
    ...["--valid-from", dateOf(measuredFrom), "--valid-to", dateOf(measuredFrom + 6)],
  ]);
  const json = join(folder, "report.json");
  const apOf = async (registry: string, version: string, fromDay: number): Promise<number> => {
    const span = ["--from", dateOf(fromDay), "--to", dateOf(fromDay + 6), "--bootstrap", "0", "--json", json];
    await runPython("tripline_training.evaluate_report", [
      ...[...given, "--registry", registry, "--version", version, ...span],
    ]);
    return report.parse(JSON.parse(await readFile(json, "utf8"))).measures.average_precision.value;
  };
  const weeks = Array.from({ length: MEASURED_WEEKS }, (_, week) => measuredFrom + 7 * week);
  const meanOf = async (registry: string, version: string): Promise<[number, string]> => {
    const found: number[] = [];
    for (const week of weeks) found.push(await apOf(registry, version, week));
    const mean = found.reduce((sum, ap) => sum + ap, 0) / found.length;
    return [mean, `${mean.toFixed(3)} (${found.map((ap) => ap.toFixed(3)).join(", ")})`];
  };
  const [, before] = await meanOf(model.registryUrl, model.version);
  const [champion, ofChampion] = await meanOf(model.registryUrl, "champion");
  const [best, ofBest] = await meanOf(registryUrl, "champion");
  const text =
    `Mean AP of ${MEASURED_WEEKS} later weeks: champion ${ofChampion}, trained on the new traffic alone ${ofBest}, ` +
    `the champion before ${before}. Ratio: ${(champion / best).toFixed(3)}`;
  if (champion < best * (1 - AP_LOSS_MAX)) throw new Error(`The new champion is not good enough. ${text}.`);
  return `${text}.`;
}
