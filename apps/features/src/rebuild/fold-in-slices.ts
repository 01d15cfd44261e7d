import { mkdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { asTriplineError } from "@tripline/contracts/error-table";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";
import { openDisk } from "@tripline/lake/log/open-disk";
import { makeOwnFolder, removeAbandoned } from "@tripline/lake/log/own-folder";
import { countEntities } from "@tripline/lake/read/count-entities";
import { cutLake, FROM_BEGINNING, rangeOf, readSourcePositions, recordsIn } from "@tripline/lake/read/counted-range";
import { totalCounted } from "@tripline/lake/read/read-counted";
import { newestSnapshotAtMs } from "@tripline/lake/snapshot/lake-snapshots";
import { erasedStates } from "../erasures/erased-states.js";
import type { FoldStart } from "../snapshot/base-states.js";
import { continuedSnapshots, layoutOf, nameOf, statesOfFile } from "../snapshot/base-states.js";
import { findFaults } from "../snapshot/find-faults.js";
import { FoldJournal } from "../snapshot/fold-journal.js";
import type { SlicedFold } from "../snapshot/fold-slices.js";
import { foldSlices } from "../snapshot/fold-slices.js";
import { startAfterFold } from "../snapshot/publish-states.js";
import { FOLDED_BYTES, slicesFor } from "../snapshot/slices-for.js";
import type { FoldPlan, LakeEnd } from "./fold-plan.js";
import { foldFolder, makeFoldFolder, readPlan } from "./fold-plan.js";
import { FoldThreads } from "./fold-threads.js";
import type { FoldedLake, FoldLakeOptions } from "./folded-lake.js";
import { publishSlices } from "./publish-slices.js";
import { asDiskFault, WrittenSlices } from "./written-slices.js";

/** Prefix of folders whose folds no other process can continue. */
const OWN_FOLDERS = "tripline-rebuild";

interface Start extends FoldStart {
  readonly end: LakeEnd;
  readonly workers: number;
}

/**
 * Continues an interrupted fold or, if there is none, starts from the newest usable snapshot. If there is no such
 * snapshot either, and the states exceed the memory limit, folds the whole lake.
 *
 * @returns undefined if the result would not be exact, or if all states fit into memory: `foldLake` then folds them all
 *   at once
 * @throws the same errors as `foldLake`
 */
export async function foldInSlices(options: FoldLakeOptions): Promise<FoldedLake | undefined> {
  const { lake, engine, memoryBytes, isFromScratch, workers } = options;
  const end = await findEnd(lake);
  const resumed = await resumeFold(options, end);
  if (resumed !== undefined) return resumed;
  // The folder belongs to an interrupted fold that no run will continue.
  await rm(foldFolder(lake), { recursive: true, force: true }).catch(() => {});
  const continued = isFromScratch ? [] : continuedSnapshots({ ...options, onUnfit: options.onNote }, end.cut);
  for await (const start of continued) {
    const folded = await foldFrom(options, { ...start, end, workers }, nameOf(start.snapshot));
    if (folded !== undefined) return folded;
  }
  const range = rangeOf(FROM_BEGINNING, end.cut);
  const states = await countEntities(
    lake,
    engine.entities.map(({ fields }) => fields),
  );
  if (range === undefined || states * FOLDED_BYTES <= memoryBytes) return undefined;
  const slices = slicesFor(memoryBytes, { states }, workers);
  return foldFrom(options, { end, range, slices, workers, ...firstStates(options) }, "The lake");
}

async function findEnd(lake: string): Promise<LakeEnd> {
  const takenAtMs = Date.now();
  const sources = await readSourcePositions(lake);
  return { takenAtMs, sources, cut: await cutLake(lake) };
}

/** The states that the service started with. */
function firstStates({ statePath, engine }: FoldLakeOptions): Pick<FoldStart, "base"> {
  return statePath === undefined ? {} : { base: statesOfFile(statePath, engine) };
}

/**
 * Completes the fold of a process that died, up to the end of the lake at that time, and then adds the events that came
 * after it.
 *
 * @returns undefined if there is none, or if it was begun with other options
 */
async function resumeFold(options: FoldLakeOptions, end: LakeEnd): Promise<FoldedLake | undefined> {
  const { lake, engine, isFromScratch, statePath } = options;
  const plan = await readPlan(foldFolder(lake));
  if (plan === undefined || plan.fingerprint !== layoutFingerprint(engine.entities)) return undefined;
  if (plan.isFromScratch !== isFromScratch || plan.statePath !== statePath) return undefined;
  // A snapshot that was taken since is closer to the end.
  const newestAtMs = isFromScratch ? undefined : await newestSnapshotAtMs(await openDisk(lake), lake);
  if ((newestAtMs ?? 0) > plan.end.takenAtMs) return undefined;
  const start = await startOf(options, plan);
  if (start === undefined) return undefined;
  options.onNote(`The rebuild that was interrupted at ${new Date(plan.end.takenAtMs).toISOString()} is being resumed.`);
  return foldFrom(options, start, "The interrupted rebuild", end);
}

/** @returns undefined if the snapshot that the fold continued is gone, or its slices exceed the memory limit */
async function startOf(options: FoldLakeOptions, plan: FoldPlan): Promise<Start | undefined> {
  const { end, range, slices } = plan;
  // The process may have died because the limit was too high.
  const share = Math.min(1, options.memoryBytes / plan.memoryBytes);
  const workers = Math.min(options.workers, Math.floor(plan.workers * share));
  if (workers < 1) return undefined;
  if (plan.snapshot === undefined) return { end, range, slices, workers, ...firstStates(options) };
  for await (const start of continuedSnapshots({ ...options, onNote: () => {} }, end.cut)) {
    if (start.snapshot.id === plan.snapshot) return { ...start, end, range, slices, workers };
  }
  return undefined;
}

/**
 * @param continuedTo for an interrupted fold: the end of the lake now
 * @returns undefined, after reporting the reason, if the result would not be exact
 */
async function foldFrom(
  options: FoldLakeOptions,
  start: Start,
  name: string,
  continuedTo?: LakeEnd,
): Promise<FoldedLake | undefined> {
  const folder = continuedTo === undefined ? await beginFold(options, start) : foldFolder(options.lake);
  const release = () => rm(folder, { recursive: true, force: true });
  try {
    const first = await foldInto(folder, options, start);
    const isAll = typeof first === "string" || continuedTo === undefined;
    const folded = isAll ? first : await foldLater(folder, options, start, first, continuedTo);
    if (typeof folded !== "string") return resultOf(options, folder, folded);
    options.onNote(`${name} cannot be resumed: ${folded}.`);
  } catch (thrown) {
    const { code, message } = asTriplineError(thrown);
    const isOfBase = code === "state-unreadable" && (start.snapshot ?? continuedTo) !== undefined;
    if (!isOfBase && code !== "state-conflict" && code !== "queue-full") {
      const fault = asDiskFault(thrown);
      // The next run continues with the finished slices, unless the disk is full because of them.
      if (start.slices === 1 || fault !== thrown) await release();
      throw fault;
    }
    options.onNote(`${name} is unusable: ${message}`);
  }
  await release();
  return undefined;
}

/** @returns an empty folder. A fold in several slices has a fixed folder name, so that another process can find it. */
async function beginFold(options: FoldLakeOptions, { end, range, slices, snapshot, workers }: Start): Promise<string> {
  const { lake, engine, isFromScratch, statePath, memoryBytes } = options;
  const fingerprint = layoutFingerprint(engine.entities);
  const start = { snapshot: snapshot?.id, slices, range, end, workers, memoryBytes };
  const plan = { fingerprint, isFromScratch, statePath, ...start };
  try {
    await removeAbandoned(tmpdir(), OWN_FOLDERS);
    return slices === 1 ? await makeOwnFolder(tmpdir(), OWN_FOLDERS) : await makeFoldFolder(lake, plan);
  } catch (thrown) {
    throw asDiskFault(thrown);
  }
}

interface Folded {
  readonly start: Start;
  readonly lake: Pick<FoldedLake, "events" | "incomplete" | "repeated">;
  readonly fold: SlicedFold;
  readonly written: WrittenSlices;
}

/** Adds the events that came after an interrupted fold, and newer erasures. */
async function foldLater(
  folder: string,
  options: FoldLakeOptions,
  { end: before, slices, snapshot, workers }: Start,
  { lake: first, fold, written }: Folded,
  end: LakeEnd,
): Promise<Folded | string> {
  const range = rangeOf(await startAfterFold(options.lake, before.cut, fold), end.cut);
  if (range === undefined) return "the lake was replaced";
  const ofLater = join(folder, "later");
  await rm(ofLater, { recursive: true, force: true });
  await mkdir(ofLater);
  const base = written.asBase(fold.explained);
  const start = { end, range, base, slices, workers, ...(snapshot === undefined ? {} : { snapshot }) };
  const later = await foldInto(ofLater, options, start);
  if (typeof later === "string") return later;
  const events = first.events + later.lake.events;
  const incomplete = first.incomplete + later.lake.incomplete;
  const repeated = first.repeated + later.lake.repeated;
  return { ...later, lake: { events, incomplete, repeated } };
}

/** @returns the reason, as part of a sentence, if the result would not be exact */
async function foldInto(folder: string, options: FoldLakeOptions, start: Start): Promise<Folded | string> {
  const { engine, lake, stateTtlSeconds, erasures } = options;
  const { range, slices, base, workers } = start;
  const stateTtlMs = stateTtlSeconds * 1000;
  const written = new WrittenSlices(folder, slices, layoutOf(engine));
  const journal = slices === 1 ? {} : { journal: await FoldJournal.open(folder) };
  const setup = { spec: engine.spec, lake, range, slices, folder, stateTtlMs, erasures, base: base?.source };
  const threads = slices === 1 || workers === 1 ? undefined : new FoldThreads(Math.min(workers, slices), setup);
  const fold = await foldSlices({
    engine,
    lake,
    ...start,
    ...journal,
    ...(threads === undefined ? {} : { threads }),
    scratch: folder,
    erasedAtMs: erasedStates(engine, erasures),
    stateTtlMs,
    write: (slice, entries) => written.write(slice, entries),
    onEvents: (events) => options.onProgress(events, recordsIn(range)),
    onSlice: options.onSlice,
  }).finally(() => threads?.close());
  if (fold === undefined) return "an entity was added to the feature spec later";
  const faults = findFaults(fold, await totalCounted(lake, range));
  if (faults.length > 0) return faults.join("; ");
  const { counted: events, incomplete, repeated } = fold;
  return { start, fold, written, lake: { events, incomplete, repeated } };
}

function resultOf(options: FoldLakeOptions, folder: string, { start, lake, fold, written }: Folded): FoldedLake {
  const { end, slices, snapshot } = start;
  const position = { lake: options.lake, layout: layoutOf(options.engine), ...end };
  let own = folder;
  return {
    ...lake,
    states: { size: fold.states, entries: () => written.states() },
    flagged: new Set(),
    lost: [],
    ...(snapshot === undefined ? {} : { snapshot }),
    async preparePublication() {
      if (slices > 1) {
        own = await makeOwnFolder(tmpdir(), OWN_FOLDERS);
        await rename(folder, own);
        written.moveTo(join(own, relative(folder, written.folder)));
      }
      return () => publishSlices(written, position, fold);
    },
    release: () => rm(own, { recursive: true, force: true }),
    // Another run may continue with the slices.
    abandon: async () => {
      if (slices === 1) await rm(own, { recursive: true, force: true });
    },
  };
}
