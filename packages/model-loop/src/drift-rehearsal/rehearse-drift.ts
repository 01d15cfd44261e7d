import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { openStore } from "@tripline/object-store/open-store";
import { ControlRefusal } from "@tripline/system/client/control-client";
import type { RolloutClient, ShownRollout } from "@tripline/system/client/rollout-client";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { StepLog } from "@tripline/system/step-log";
import { createLogger } from "@tripline/telemetry/logger";
import { trainDemoModel } from "../demo-model/train-demo-model.js";
import { DAY_MS, dateOf, readEvents } from "../drift/judge-day.js";
import { challengeIn, SPEC_FILE } from "../retraining/retrain.js";
import { runPython } from "../run-python.js";
import { LeadingRollout } from "../training-worker/lead-rollout.js";
import { LoopState } from "../training-worker/loop-state.js";
import { TrainingLoop } from "../training-worker/training-loop.js";
import { compareChampions, comparedAsText } from "./compare-champions.js";
import { ANSWER_DAYS_MAX, CLEAN_DAYS, DRIFT_WORLD, LIVE_DAYS, TIMES, writeParams } from "./drift-world.js";
import type { ShiftName } from "./shift-traffic.js";
import { writeWorld } from "./write-world.js";

export interface RehearsalOptions {
  readonly seed: number;
  readonly shift: ShiftName;
  /** Number of days of new labels after which a retraining starts without drift. */
  readonly everyDays: number;
  /** Must be empty. */
  readonly folder: string;
  readonly jobs: number;
  readonly steps: StepLog;
  print(line: string): void;
}

interface Rehearsal extends RehearsalOptions {
  readonly registryUrl: string;
  /** Version of the champion before the drift. */
  readonly before: string;
  readonly paramsFile: string;
  /** All payments of the simulation, with every label. */
  readonly features: string;
  /** Days since 1970-01-01: the first payment after the history, and the drift. */
  readonly liveDay: number;
  readonly shiftDay: number;
}

interface Promotion {
  readonly version: string;
  readonly day: number;
}

/**
 * If no model is promoted, the old champion is evaluated starting this many days after the drift, when a new champion
 * would have been possible.
 */
const UNANSWERED_DAYS = 36;

/** Any key works, because the simulator's fraud does not depend on it. */
const CARD_TOKEN_KEY = Buffer.alloc(32, 7);

/**
 * The journey `drift` without services: it uses the same simulation, the training worker's own loop and the same
 * retraining, on features computed in one run. A registered model becomes champion immediately. Only features and
 * outcomes are tested for drift, not scores.
 *
 * @returns the last champion's average precision, divided by that of a model trained only on post-drift traffic;
 *   undefined if there is too little of that traffic to train a model
 */
export async function rehearseDrift(options: RehearsalOptions): Promise<number | undefined> {
  const { seed, folder, steps, print } = options;
  const simulation = { ...DRIFT_WORLD.simulation, seed };
  const secretsFile = join(folder, "secrets.json");
  const model = await trainDemoModel({ ...DRIFT_WORLD, simulation, root: folder, secretsFile, steps });
  const liveDay = model.historyEndMs / DAY_MS;
  const shiftDay = liveDay + LIVE_DAYS + CLEAN_DAYS;
  const paramsFile = join(folder, "params.json");
  await writeParams(paramsFile, liveDay);
  const world = { simulation, shift: options.shift, shiftDay, cardTokenKey: CARD_TOKEN_KEY, folder };
  const { features } = await steps.run("simulate the shift and compute all features", () => writeWorld(world));
  const rehearsal = {
    ...options,
    registryUrl: model.registryUrl,
    before: model.version,
    paramsFile,
    features,
    liveDay,
    shiftDay,
  };
  const events = await steps.run("evaluate every day", () => judgeDays(rehearsal));
  const promotions = await playDays(rehearsal, events);
  if (promotions.length === 0) {
    print("no model was promoted; the champion is still");
    promotions.push({ version: model.version, day: shiftDay + UNANSWERED_DAYS });
  }
  const ratios: number[] = [];
  for (const promotion of promotions) {
    const ratio = await compare(rehearsal, promotion);
    if (ratio !== undefined) ratios.push(ratio);
  }
  return ratios.at(-1);
}

/** The days that drifted, each compared with the preceding days. */
async function judgeDays({ folder, features, liveDay, shiftDay }: Rehearsal): Promise<DriftDetected[]> {
  const events = join(folder, "events.ndjson");
  await runPython("tripline_training.detect_drift", [
    ...["--features", features, "--feature-spec", SPEC_FILE, "--name", MODEL_NAME, "--events", events],
    ...["--from", dateOf(liveDay + LIVE_DAYS - 1), "--to", dateOf(shiftDay + ANSWER_DAYS_MAX)],
  ]);
  return readEvents(events);
}

/** Runs the training worker's loop, one turn per day, until the drift has led to a new champion. */
async function playDays(rehearsal: Rehearsal, events: readonly DriftDetected[]): Promise<Promotion[]> {
  const { folder, registryUrl, liveDay, shiftDay, everyDays, print } = rehearsal;
  const state = await LoopState.open(await openStore(pathToFileURL(join(folder, "state")).href));
  const logger = createLogger("training", "error");
  const promotions: Promotion[] = [];
  let today = liveDay + LIVE_DAYS;
  const rollouts = new PromptRollouts(async (version) => {
    await openRegistry(registryUrl).setAlias(MODEL_NAME, "champion", version, { why: "rehearsal" });
    promotions.push({ version, day: today });
  });
  const loop: TrainingLoop = new TrainingLoop({
    state,
    logger,
    times: { ...TIMES, everyDays },
    // Late enough that the previous day is complete.
    newestPaymentMs: async () => today * DAY_MS + DAY_MS / 2,
    judge: async (day) => events.filter((event) => event.day === dateOf(day)),
    send: async (found) => {
      for (const { day, sentence } of found) print(`${sinceShift(rehearsal, Date.parse(day) / DAY_MS)}: ${sentence}`);
      await loop.receive(found);
    },
    retrain: async (cutoffMs, driftMs) => {
      const outcome = await retrainBy(rehearsal, cutoffMs, driftMs);
      print(`${sinceShift(rehearsal, today)}: ${outcome.line}`);
      return outcome;
    },
    rollout: new LeadingRollout({ state, model: MODEL_NAME, rollouts, plan: {}, logger }),
  });
  for (; today <= shiftDay + ANSWER_DAYS_MAX; today += 1) {
    await loop.turn();
    if (promotions.length > 0 && state.current.alarm === null) break;
  }
  const { alarm } = state.current;
  print(alarm === null ? `${sinceShift(rehearsal, today)}: no drift is open` : `it is still open: ${alarm.sentence}`);
  return promotions;
}

const sinceShift = ({ shiftDay }: Rehearsal, day: number): string => `day ${day - shiftDay}`;

/** Retrains on what the lake would contain at that moment. */
async function retrainBy(rehearsal: Rehearsal, cutoffMs: number, driftMs: number | undefined) {
  const { folder: root, features, registryUrl, paramsFile, jobs, liveDay } = rehearsal;
  const folder = join(root, `retrain-${dateOf(cutoffMs / DAY_MS)}`);
  await mkdir(folder, { recursive: true });
  const dataset = join(folder, "features.parquet");
  const known = (column: string) => `CASE WHEN labelled_at_ms <= ${cutoffMs} THEN ${column} END AS ${column}`;
  await writeQuery(
    `SELECT * REPLACE (${known("labelled_at_ms")}, ${known("fraud")}) FROM read_parquet(${sqlText(features)})
      WHERE occurred_at_ms >= ${liveDay * DAY_MS} AND occurred_at_ms < ${cutoffMs}
      ORDER BY occurred_at_ms, client_transaction_id`,
    dataset,
  );
  const asked = { model: MODEL_NAME, paramsFile, jobs, trustWeeks: false, output: { write: () => true } };
  const drift = driftMs === undefined ? {} : { driftMs };
  return challengeIn(registryUrl, { ...asked, ...drift, cutoffMs, folder, constantOnline: [] }, dataset);
}

async function writeQuery(query: string, path: string): Promise<void> {
  const scan = await LakeScan.open();
  try {
    await scan.row(`COPY (${query}) TO ${sqlText(path)} (FORMAT parquet)`);
  } finally {
    await scan.close();
  }
}

/** @returns undefined if there is too little post-drift traffic for a model */
async function compare(rehearsal: Rehearsal, { version, day }: Promotion): Promise<number | undefined> {
  const { folder: root, before, shiftDay, print, ...given } = rehearsal;
  const folder = join(root, `compare-${version}`);
  const versions = [...new Set([version, before])];
  const when = `champion, from ${sinceShift(rehearsal, day)} on`;
  try {
    const compared = await compareChampions({ ...given, folder, versions, shiftDay, measuredFrom: day });
    print(`${when}: ${comparedAsText(compared, version, before)}`);
    return compared.versions.get(version)?.ratio;
  } catch (error) {
    print(`${when}: not compared: ${String(error).trimEnd().split("\n").at(-1)}`);
    return undefined;
  }
}

/** Replaces the control plane. Without shadow and canary stages, it promotes models immediately. */
class PromptRollouts implements Pick<RolloutClient, "start" | "status"> {
  #newest: ShownRollout | undefined;

  constructor(private readonly promote: (version: string) => Promise<void>) {}

  async status(): Promise<ShownRollout> {
    if (this.#newest === undefined) throw new ControlRefusal("There is no rollout.", 404);
    return this.#newest;
  }

  async start({ model, candidate }: { model: string; candidate: string }): Promise<ShownRollout> {
    await this.promote(candidate);
    this.#newest = {
      id: candidate,
      model,
      candidate,
      champion: candidate,
      stage: "champion",
      revision: 1,
      why: "",
      canary_percent: 0,
      shadow_percent: 0,
      is_held: false,
      findings: [],
      steps: [],
      started_at: "",
      changed_at: "",
      changed_by: "rehearsal",
    };
    return this.#newest;
  }
}
