import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { TriplineError } from "@tripline/contracts/error-table";
import type { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { openStore } from "@tripline/object-store/open-store";
import { ControlRefusal } from "@tripline/system/client/control-client";
import type { RolloutRequest, ShownRollout } from "@tripline/system/client/rollout-client";
import { createLogger } from "@tripline/telemetry/logger";
import { DAY_MS, dateOf } from "../drift/judge-day.js";
import type { RetrainOutcome } from "../retraining/retrain.js";
import { DATA_REFUSED } from "../retraining/retrain.js";
import { LeadingRollout } from "./lead-rollout.js";
import { LoopState } from "./loop-state.js";
import { TrainingLoop } from "./training-loop.js";

const DAY = Math.floor(Date.UTC(2026, 2, 1) / DAY_MS);
const logger = createLogger("test", "silent");

/** A scripted environment that records what the loop did. */
class World {
  today = DAY;
  drifts = new Map<number, string>();
  outcomes: RetrainOutcome[] = [];
  rollout: ShownRollout | undefined;
  refusal: ControlRefusal | undefined;
  readonly did: string[] = [];
  /** The drift day of each retraining, counted from the first day of the tests. */
  readonly driftDays: (number | undefined)[] = [];
  /** Called while a retraining runs. */
  meanwhile: () => Promise<void> = async () => {};

  async loop(folder: string): Promise<TrainingLoop> {
    const state = await LoopState.open(await openStore(pathToFileURL(folder).href));
    const rollouts = {
      start: async ({ candidate, auto, guards }: RolloutRequest) => {
        if (this.refusal !== undefined) throw this.refusal;
        // No limits are set: the agreement in the registry shows how much the models differ, even after drift.
        expect(guards).toBeUndefined();
        this.did.push(`rollout ${candidate} auto=${auto}`);
        this.rollout = shown(candidate, "shadow");
        return this.rollout;
      },
      status: async () => {
        if (this.rollout === undefined) throw new ControlRefusal("none", 404);
        return this.rollout;
      },
    };
    const loop: TrainingLoop = new TrainingLoop({
      state,
      logger,
      times: { everyDays: 28, retryDays: 7 },
      // Two hours into the day: the previous day is complete.
      newestPaymentMs: async () => this.today * DAY_MS + 7_200_000,
      judge: async (day) => {
        const kind = this.drifts.get(day);
        return kind === undefined ? [] : [drift(day, kind)];
      },
      send: (events) => loop.receive(events),
      retrain: async (cutoffMs, driftMs) => {
        this.driftDays.push(driftMs === undefined ? undefined : driftMs / DAY_MS - DAY);
        this.did.push(`retrain ${dateOf(cutoffMs / DAY_MS)}`);
        await this.meanwhile();
        const outcome = this.outcomes.shift();
        if (outcome === undefined) throw new Error("killed");
        return { learntToMs: cutoffMs, ...outcome };
      },
      rollout: new LeadingRollout({ state, model: "fraud", rollouts, plan: {}, logger }),
    });
    return loop;
  }
}

const drift = (day: number, kind = "feature"): DriftDetected => ({
  eventId: `of ${day}`,
  modelName: "fraud",
  tenant: "",
  day: dateOf(day),
  rows: 1_000,
  comparedFrom: "2026-01-01",
  comparedTo: "2026-01-14",
  detectedAtMs: 0,
  columns: [{ column: "amount", kind, distance: 0.4, threshold: 0.1, pValue: 1e-9 }],
  sentence: `amount drifted on ${dateOf(day)}`,
});
const shown = (candidate: string, stage: ShownRollout["stage"]): ShownRollout => ({
  id: "rol_1",
  model: "fraud",
  stage,
  candidate,
  champion: "c",
  canary_percent: 0,
  shadow_percent: 100,
  is_held: false,
  revision: 1,
  started_at: "",
  changed_at: "",
  changed_by: "",
  why: "",
  findings: [],
  steps: [],
});
const kept: RetrainOutcome = { code: 0, line: "retrain: kept champion because …" };
const refused: RetrainOutcome = { code: DATA_REFUSED, line: "retrain: kept champion because a week is bad: …" };
const better = (version: string): RetrainOutcome => ({ code: 0, version, line: `retrain: registered=… ${version}` });

let folder: string;
let world: World;
let loop: TrainingLoop;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-loop-"));
  world = new World();
  loop = await world.loop(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function passDays(count: number): Promise<void> {
  for (let each = 0; each < count; each += 1) {
    world.today += 1;
    await loop.turn();
  }
}

test("only the schedule starts a retraining if there is no drift", async () => {
  await loop.turn();
  await passDays(27);
  expect(world.did).toEqual([]);
  world.outcomes = [kept];
  await passDays(7);
  expect(world.did).toEqual(["retrain 2026-03-29"]);
});

test("retrains immediately after drift and as labels arrive, until a champion has learned from four weeks of it", async () => {
  await loop.turn();
  world.drifts.set(DAY, "feature");
  world.outcomes = [kept, better("v1"), refused, kept, better("v2")];
  await passDays(8);
  expect(world.did).toEqual(["retrain 2026-03-02", "retrain 2026-03-09", "rollout v1 auto=true"]);
  // Better, but trained on only one week of post-drift data.
  world.rollout = shown("v1", "champion");
  await passDays(21);
  expect(world.did.slice(3)).toEqual([
    ...["retrain 2026-03-16", "retrain 2026-03-23", "retrain 2026-03-30", "rollout v2 auto=true"],
  ]);
  world.rollout = shown("v2", "champion");
  await passDays(20);
  expect(world.did).toHaveLength(7);
});

test("rejects a bad week: rolls out nothing, keeps the drift open, and tries the next labels", async () => {
  await loop.turn();
  world.drifts.set(DAY, "feature");
  world.outcomes = [refused, refused];
  await passDays(13);
  expect(world.did).toEqual(["retrain 2026-03-02", "retrain 2026-03-09"]);
  const state = await LoopState.open(await openStore(pathToFileURL(folder).href));
  expect(state.current).toMatchObject({ challenger: null, alarm: { day: DAY }, triedDay: DAY + 8 });
});

test("passes the start of the first open drift to a retraining, even after a restart", async () => {
  await loop.turn();
  world.outcomes = [kept, kept, kept, kept];
  await passDays(28);
  world.drifts.set(DAY + 28, "feature").set(DAY + 30, "feature");
  await passDays(2);
  loop = await world.loop(folder);
  await passDays(12);
  expect(world.driftDays).toEqual([undefined, 28, 28]);
});

test("drift during a retraining joins it and does not start another", async () => {
  await loop.turn();
  world.drifts.set(DAY, "feature");
  world.meanwhile = () => loop.receive([drift(DAY), drift(DAY + 1)]);
  world.outcomes = [kept, kept];
  await passDays(7);
  expect(world.did).toEqual(["retrain 2026-03-02"]);
});

test("a rollback keeps the drift open, and the next labels are tried", async () => {
  await loop.turn();
  world.drifts.set(DAY, "feature");
  world.outcomes = [better("v1"), better("v2")];
  await passDays(1);
  world.rollout = shown("v1", "rolled-back");
  await passDays(7);
  expect(world.did).toEqual([
    ...["retrain 2026-03-02", "rollout v1 auto=true", "retrain 2026-03-09", "rollout v2 auto=true"],
  ]);
});

test("continues after being killed at any step, and repeats nothing", async () => {
  await loop.turn();
  world.drifts.set(DAY, "feature");
  await expect(passDays(1)).rejects.toThrow("killed");
  loop = await world.loop(folder);
  world.outcomes = [better("v1")];
  world.refusal = new ControlRefusal("control starts", 503);
  await expect(loop.turn()).rejects.toThrow("control starts");
  // The rollout has started, but the loop does not know it.
  world.rollout = shown("v1", "canary");
  loop = await world.loop(folder);
  await loop.turn();
  expect(world.did).toEqual(["retrain 2026-03-02", "retrain 2026-03-02"]);
  world.rollout = shown("v1", "champion");
  await loop.turn();
  loop = await world.loop(folder);
  await passDays(6);
  expect(world.did).toHaveLength(2);
});

test("waits while a different version is rolled out, and drops a rejected challenger", async () => {
  await loop.turn();
  world.drifts.set(DAY, "feature");
  world.outcomes = [better("v1"), better("v2")];
  world.rollout = shown("other", "canary");
  await passDays(1);
  expect(world.did).toEqual(["retrain 2026-03-02"]);
  world.rollout = shown("other", "rolled-back");
  world.refusal = new ControlRefusal("it is not in the registry", 404);
  await passDays(1);
  world.refusal = undefined;
  await passDays(6);
  expect(world.did.slice(1)).toEqual(["retrain 2026-03-09", "rollout v2 auto=true"]);
});

test.each(["feature", "performance"])(
  "a score shift after a promotion does not trigger retraining, but %s does",
  async (kind) => {
    await loop.turn();
    world.outcomes = [better("v1"), kept];
    await passDays(28);
    world.rollout = shown("v1", "champion");
    world.drifts.set(DAY + 29, "score");
    await passDays(9);
    expect(world.did).toEqual(["retrain 2026-03-29", "rollout v1 auto=true"]);
    world.drifts.set(DAY + 38, kind);
    await passDays(3);
    expect(world.did.slice(2)).toEqual(["retrain 2026-04-09"]);
  },
);

test("retries an unavailable lake, and skips a day that cannot be evaluated", async () => {
  await loop.turn();
  const faults = [new TriplineError("lake-unavailable", "the lake is away"), new Error("python: too few payments")];
  const judged: number[] = [];
  const state = await LoopState.open(await openStore(pathToFileURL(folder).href));
  const other = new TrainingLoop({
    state,
    logger,
    times: { everyDays: 28, retryDays: 7 },
    newestPaymentMs: async () => (DAY + 2) * DAY_MS + 7_200_000,
    judge: async (day) => {
      judged.push(day - DAY);
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      return [];
    },
    send: async () => {},
    retrain: async () => kept,
  });
  await expect(other.turn()).rejects.toThrow("the lake is away");
  await other.turn();
  expect(judged).toEqual([0, 0, 1]);
});
