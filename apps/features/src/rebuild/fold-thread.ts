import { parentPort, workerData } from "node:worker_threads";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { DecisionNames } from "@tripline/feature-engine/apply/fold-decisions";
import { FoldDecisions } from "@tripline/feature-engine/apply/fold-decisions";
import { openDisk } from "@tripline/lake/log/open-disk";
import type { CountedRange } from "@tripline/lake/read/counted-range";
import { erasedStates } from "../erasures/erased-states.js";
import type { BaseSource, BaseStates } from "../snapshot/base-states.js";
import { layoutOf, statesOfFile, statesOfSnapshot } from "../snapshot/base-states.js";
import { EventSpill } from "../snapshot/event-spill.js";
import type { FoldedSlice, FoldSliceOptions, SliceTask } from "../snapshot/fold-slice.js";
import { foldSlice } from "../snapshot/fold-slice.js";
import { WrittenSlices } from "./written-slices.js";

/** A thread of `FoldThreads`. */

export interface ThreadSetup {
  readonly spec: FeatureSpec;
  readonly lake: string;
  readonly range: CountedRange;
  readonly slices: number;
  /** Contains the sorted events, and receives the states. */
  readonly folder: string;
  readonly stateTtlMs: number;
  readonly erasures: readonly Erasure[];
  readonly base: BaseSource | undefined;
}

export type ThreadMessage = { readonly decisions: DecisionNames } | { readonly task: SliceTask };
export type ThreadAnswer = { readonly folded: FoldedSlice } | { readonly code: string; readonly message: string };

const decisions = new FoldDecisions();
const options = optionsOf(workerData as ThreadSetup);

parentPort?.on("message", async (message: ThreadMessage) => {
  if ("decisions" in message) decisions.add(message.decisions);
  else parentPort?.postMessage(await answerTo(message.task));
});

async function answerTo(task: SliceTask): Promise<ThreadAnswer> {
  try {
    return { folded: await foldSlice(await options, task, decisions) };
  } catch (thrown) {
    const { code, message } = asTriplineError(thrown);
    return { code, message };
  }
}

async function optionsOf({ spec, folder, erasures, base, ...setup }: ThreadSetup): Promise<FoldSliceOptions> {
  const engine = compileEngine(spec);
  const written = new WrittenSlices(folder, setup.slices, layoutOf(engine));
  return {
    ...setup,
    engine,
    spill: new EventSpill(folder),
    erasedAtMs: erasedStates(engine, erasures),
    write: (slice, entries) => written.write(slice, entries),
    ...(base === undefined ? {} : { base: await openBase(base, engine, setup.lake) }),
  };
}

async function openBase(source: BaseSource, engine: FeatureEngine, lake: string): Promise<BaseStates> {
  if ("snapshot" in source) return statesOfSnapshot(await openDisk(lake), lake, source.snapshot);
  if ("statePath" in source) return statesOfFile(source.statePath, engine);
  return new WrittenSlices(source.folder, source.slices, layoutOf(engine)).asBase(source.explained);
}
