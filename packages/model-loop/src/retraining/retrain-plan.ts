import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import { TOPICS } from "@tripline/contracts/topics";
import { listFiles } from "@tripline/lake/log/list-files";
import { z } from "zod";
import type { LakePositions } from "./read-topic.js";

export const PLAN_FILE = "plan.json";
export const RUN_PREFIX = "run-";
/** An older plan is not resumed, because by then the lake contains newer labels. */
const RESUME_MS_MAX = 24 * 3_600_000;

const plan = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** The request and the code version. */
  request: z.string(),
  madeAtMs: z.int(),
  /** The positions to read, because the lake keeps growing. */
  positions: z.record(z.string(), z.record(z.string(), z.int())),
  cutoffMs: z.int(),
  isFinished: z.boolean(),
});

/** Everything that one retraining does from start to end, even if it is interrupted. */
export interface RetrainPlan extends z.infer<typeof plan> {
  readonly positions: LakePositions;
}

export interface OpenedPlan {
  readonly plan: RetrainPlan;
  /** Folder for its files. */
  readonly folder: string;
  /** Whether an earlier process started the plan. */
  readonly isResumed: boolean;
  /** Number of labels added to the lake since the previous plan; all labels if there was no previous plan. */
  readonly newLabels: number;
}

export interface PlanOptions {
  readonly work: string;
  readonly lake: string;
  readonly request: string;
  readonly nowMs: number;
  /** Determines the cut-off of a new plan, from the positions up to which it reads the lake. */
  cutoffMs(positions: LakePositions): Promise<number>;
}

/**
 * Returns the interrupted plan if the request is the same; otherwise a new one for the current lake. Removes leftovers
 * of earlier plans. If neither the lake nor the request has changed since the last completed plan, returns that plan.
 *
 * @throws TriplineError `lake-unavailable`, `not-found`
 */
export async function openPlan(options: PlanOptions): Promise<OpenedPlan> {
  const { work, lake, request, nowMs } = options;
  await mkdir(work, { recursive: true });
  const before = await readPlan(work);
  if (before?.request === request && !before.isFinished && nowMs - before.madeAtMs < RESUME_MS_MAX) {
    return { plan: before, folder: join(work, RUN_PREFIX + before.id), isResumed: true, newLabels: 0 };
  }
  const positions = await positionsOf(lake);
  const cutoffMs = await options.cutoffMs(positions);
  const newLabels = labelsIn(positions) - (before === undefined ? 0 : labelsIn(before.positions));
  const isSame =
    before?.request === request &&
    before.cutoffMs === cutoffMs &&
    JSON.stringify(before.positions) === JSON.stringify(positions);
  const id = isSame ? before.id : randomBytes(8).toString("hex");
  const next: RetrainPlan = { id, request, madeAtMs: nowMs, positions, cutoffMs, isFinished: false };
  const folder = join(work, RUN_PREFIX + id);
  for (const name of await readdir(work)) {
    if (name.startsWith(RUN_PREFIX) && name !== RUN_PREFIX + id) await rm(join(work, name), { recursive: true });
  }
  await mkdir(folder, { recursive: true });
  await writePlan(work, next);
  return { plan: next, folder, isResumed: false, newLabels };
}

/** The next retraining makes a new plan. */
export async function finishPlan(work: string, done: RetrainPlan): Promise<void> {
  await writePlan(work, { ...done, isFinished: true });
}

/** The archive position of each topic that a retraining reads. */
async function positionsOf(lake: string): Promise<LakePositions> {
  const positions: Record<string, Record<string, number>> = {};
  for (const { name } of [
    TOPICS.transactions,
    TOPICS.labels,
    TOPICS.features,
    TOPICS.decisions,
    TOPICS.paymentUpdates,
  ]) {
    try {
      const { positions: ends } = await listFiles(lake, name, []);
      positions[name] = Object.fromEntries([...ends].sort(([one], [other]) => one - other));
    } catch (error) {
      // That topic was never archived; if it is needed, a later step reports this.
      if (!(error instanceof TriplineError && error.code === "not-found")) throw error;
    }
  }
  return positions;
}

function labelsIn(positions: LakePositions): number {
  return Object.values(positions[TOPICS.labels.name] ?? {}).reduce((sum, offset) => sum + offset, 0);
}

async function readPlan(work: string): Promise<RetrainPlan | undefined> {
  try {
    return plan.parse(JSON.parse(await readFile(join(work, PLAN_FILE), "utf8")));
  } catch {
    // The plan is missing or was made by another version, so a new plan is made.
    return undefined;
  }
}

async function writePlan(work: string, next: RetrainPlan): Promise<void> {
  const unfinished = join(work, `${PLAN_FILE}.unfinished`);
  await writeFile(unfinished, `${JSON.stringify(next, null, 2)}\n`);
  await rename(unfinished, join(work, PLAN_FILE));
}
