import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { loadProfiles } from "@tripline/backfill/profiles/load-profiles";
import { TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { DAY_MS, dateOf } from "@tripline/model-loop/drift/judge-day";
import type { CompareOptions } from "@tripline/model-loop/drift-rehearsal/compare-champions";
import { compareChampions, comparedAsText } from "@tripline/model-loop/drift-rehearsal/compare-champions";
import {
  ANSWER_DAYS_MAX,
  CLEAN_DAYS,
  LIVE_DAYS,
  TIMES,
  writeParams,
} from "@tripline/model-loop/drift-rehearsal/drift-world";
import type { ShiftName } from "@tripline/model-loop/drift-rehearsal/shift-traffic";
import { shiftPayment } from "@tripline/model-loop/drift-rehearsal/shift-traffic";
import { writeWorld } from "@tripline/model-loop/drift-rehearsal/write-world";
import type { FollowedTraining } from "@tripline/model-loop/training-worker/follow-training";
import { followTraining } from "@tripline/model-loop/training-worker/follow-training";
import { LoopState } from "@tripline/model-loop/training-worker/loop-state";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { openStore } from "@tripline/object-store/open-store";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { RolloutClient } from "@tripline/system/client/rollout-client";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { createLogger } from "@tripline/telemetry/logger";
import { registry as metrics } from "@tripline/telemetry/metrics";
import { DayPlayer } from "./support/day-player.js";

export interface DriftJourneyOptions {
  readonly client: Pick<TriplineClient, "decideAll" | "applyLabels">;
  readonly rollouts: RolloutClient;
  readonly kafka: Kafka;
  /** The folder that archive writes to. */
  readonly lake: string;
  readonly model: TrainedModel;
  /** Key of the card tokens. */
  readonly cardTokenKey: Uint8Array;
  /** The Redis from which the features service reads profiles. */
  readonly redisUrl: string;
  /** Prints each completed step. */
  print(text: string): void;
}

const SHIFT: ShiftName = "amounts";
const AP_LOSS_MAX = 0.02;
const LOOK_MS = 200;
const TURN_MS_MAX = 600_000;

/**
 * Two weeks of normal traffic trigger nothing. Then the traffic drifts: owners pay more, and thieves use small amounts.
 * The training worker detects it and retrains as labels arrive, and control rolls out the better model, without human
 * action. In the end the champion is as good on the new traffic as a model trained only on it.
 *
 * @throws Error in one sentence that names the failed step
 */
export async function driftJourney(options: DriftJourneyOptions): Promise<void> {
  const { model, client, cardTokenKey, redisUrl, print } = options;
  const folder = await mkdtemp(join(tmpdir(), "tripline-drift-journey-"));
  const ending = new AbortController();
  const shiftDay = model.historyEndMs / DAY_MS + LIVE_DAYS + CLEAN_DAYS;
  const { simulation } = model;
  const change = (payment: SimulatedPayment) => shiftPayment(payment, SHIFT, shiftDay * DAY_MS);
  let worker: FollowedTraining | undefined;
  try {
    // An earlier journey may have left another champion.
    await openRegistry(model.registryUrl).setAlias(MODEL_NAME, "champion", model.version, { why: "begin the journey" });
    const paramsFile = join(folder, "params.json");
    await writeParams(paramsFile, model.historyEndMs / DAY_MS);
    const world = { simulation, shift: SHIFT, shiftDay, cardTokenKey, folder };
    const { features, profiles } = await writeWorld(world);
    // Feast's nightly job does this in production. Without it, no payment would have a profile after 90 days.
    const beginDay = async (untilMs: number) =>
      void (await loadProfiles({ folder: profiles, redis: redisUrl, untilMs }));
    const player = new DayPlayer(client, model, { change, beginDay });
    for (let day = 0; day < LIVE_DAYS; day += 1) await player.playDay();
    await settle(options);
    print(`${LIVE_DAYS} days of traffic are decided and archived. Now the training worker checks the lake.`);
    worker = await startWorker(options, { folder, paramsFile, signal: ending.signal });

    await play(options, player, worker, CLEAN_DAYS, async () => true);
    const clean = await factsOf(folder);
    const usual = await usualDays();
    if (clean.alarm !== null || clean.triedDay !== null || usual < CLEAN_DAYS) {
      throw new Error(
        `Two weeks of unchanged traffic triggered an action (${usual} days without drift): ${JSON.stringify(clean)}`,
      );
    }
    print(`Two weeks of unchanged traffic: ${usual} days checked, no drift, no retraining.`);

    const champions: string[] = [];
    await play(options, player, worker, ANSWER_DAYS_MAX, async () => {
      const facts = await factsOf(folder);
      const champion = await openRegistry(model.registryUrl).aliasTarget(MODEL_NAME, "champion");
      if (champion !== (champions.at(-1) ?? model.version)) {
        champions.push(champion);
        print(`${dateOf(player.nextDayMs / DAY_MS)}: the automatic rollout makes ${champion} champion.`);
      }
      return champions.length === 0 || facts.alarm !== null;
    });
    const answered = await factsOf(folder);
    if (champions.length === 0 || answered.alarm !== null) {
      throw new Error(`The drift of ${dateOf(shiftDay)} did not trigger a retraining: ${JSON.stringify(answered)}`);
    }
    // No model is trained on the evaluated days.
    ending.abort();
    await worker.ended;
    const measuredFrom = player.nextDayMs / DAY_MS;
    print(await compare(model, { features, folder, paramsFile, shiftDay, measuredFrom }));
  } finally {
    ending.abort();
    await worker?.ended;
    await rm(folder, { recursive: true, force: true });
  }
}

async function startWorker(
  { kafka, rollouts, lake, model: { registryUrl } }: DriftJourneyOptions,
  { folder, paramsFile, signal }: { folder: string; paramsFile: string; signal: AbortSignal },
): Promise<FollowedTraining> {
  const worker = await followTraining({
    retrain: {
      lake,
      registryUrl,
      model: MODEL_NAME,
      work: join(folder, "work"),
      paramsFile,
      checkpoints: checkpointsIn(folder),
      features: "log",
      labelsBy: "event-time",
      trustWeeks: false,
      jobs: 2,
    },
    kafka,
    rollouts,
    signal,
    lookMs: LOOK_MS,
    times: TIMES,
    // With these shares, the guards see enough cards even in a small simulation. Mature labels are not required,
    // because the simulation has too few alerts.
    rolloutPlan: {
      ...{ shadow_seconds: 1, step_seconds: 1, steps_percent: [20, 50] },
      guards: { mature_labels_min: 0 },
    },
    logger: createLogger("training", process.env.LOG_LEVEL ?? "info"),
  });
  await turnsOf(worker, 1);
  return worker;
}

const checkpointsIn = (folder: string): string => pathToFileURL(join(folder, "checkpoints")).href;
const factsOf = async (folder: string) => (await LoopState.open(await openStore(checkpointsIn(folder)))).current;

/** Plays days while `goesOn` is true. Each day starts once the worker has finished the previous one. */
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
    // One round of the worker may have started before the day was archived.
    await turnsOf(worker, 2);
    if (!(await goesOn())) return;
  }
}

async function turnsOf(worker: FollowedTraining, count: number): Promise<void> {
  const until = worker.turns() + count;
  const endMs = Date.now() + TURN_MS_MAX;
  while (worker.turns() < until) {
    if (Date.now() > endMs) throw new Error(`The training worker is not making progress: ${worker.fault() ?? "busy"}`);
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

/**
 * Compares the champion, its predecessor, and a model trained only on post-drift traffic, on weeks that none of them
 * has seen. A backfill computes their features, because playing this many weeks would double the duration.
 */
async function compare(
  { registryUrl, version: before }: TrainedModel,
  given: Omit<CompareOptions, "registryUrl" | "versions">,
): Promise<string> {
  const compared = await compareChampions({ ...given, registryUrl, versions: ["champion", before] });
  const text = comparedAsText(compared, "champion", before);
  const { ratio = 0 } = compared.versions.get("champion") ?? {};
  if (ratio < 1 - AP_LOSS_MAX) throw new Error(`The new champion is not good enough. ${text}.`);
  return `${text}.`;
}
