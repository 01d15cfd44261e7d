import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import { countedAtMsOf, isIncomplete, stateKeysOf } from "@tripline/feature-engine/apply/counted-event";
import { FoldInOrder } from "@tripline/feature-engine/apply/fold-in-order";
import type { NumberedEvent } from "@tripline/feature-engine/apply/number-lost";
import { numberLost } from "@tripline/feature-engine/apply/number-lost";
import { UncertainStates } from "@tripline/feature-engine/apply/uncertain-states";
import type { CountedTotals } from "@tripline/lake/read/read-counted";
import { readCounted, totalCounted } from "@tripline/lake/read/read-counted";
import { erasedStates } from "../erasures/erased-states.js";
import { readStateFile } from "../snapshot/base-states.js";
import { HOW_TO_GO_ON } from "./find-lost.js";
import { foldInSlices } from "./fold-in-slices.js";
import type { FoldedLake, FoldLakeOptions, LostRecords, RebuiltState } from "./folded-lake.js";

/**
 * Computes the states of all entities from the newest usable snapshot and from the events that were counted according
 * to the lake. If a result is missing, its payment, label or update is counted instead. If its place in the order is
 * unknown, the affected states are flagged.
 *
 * @throws TriplineError `state-conflict` if the lake lacks counted events that cannot be identified;
 *   `not-found`, `state-unreadable`, `database-unavailable`
 */
export async function foldLake(options: FoldLakeOptions): Promise<FoldedLake> {
  // To fill a gap, the fold needs all states at once.
  const sliced = options.isPartial ? undefined : await foldInSlices(options);
  if (sliced !== undefined) return sliced;
  const totals = await totalCounted(options.lake);
  const lost = totals.missing > 0 && !options.isPartial ? await options.findLost() : undefined;
  if (lost !== undefined) return foldAround(options, totals, lost);
  const { folding, ...fold } = await foldOnce(options, { passesGaps: false, total: totals.events });
  if (!options.isPartial) requireAll(folding, totals, options.lake);
  return { ...fold, flagged: new Set(), lost: [] };
}

/** Folds the lake when some results are missing. */
async function foldAround(
  options: FoldLakeOptions,
  { events, missing }: CountedTotals,
  { events: lost, sentences }: LostRecords,
): Promise<FoldedLake> {
  const { engine, lake } = options;
  const keysOf = (event: CountedEvent) => stateKeysOf(engine, event);
  const passing = await foldOnce(options, { passesGaps: true });
  const { gaps } = passing.folding;
  if (gaps.length > missing * engine.entities.length) {
    const detail = `${gaps.length} sequence numbers have no record, but only ${missing} records are missing.`;
    throw new TriplineError("state-conflict", `${gapsIn(lake, detail)} ${HOW_TO_GO_ON}`);
  }
  requireAll(passing.folding, { events, missing: 0 }, lake);
  if (lost.length === 0 && gaps.length === 0) return { ...passing, flagged: new Set(), lost: sentences };
  const last = new Map([...passing.folding.states()].map(({ key, state }) => [key, state.sequence]));
  const numbered = numberLost({
    lost,
    keysOf,
    gaps,
    lastNumberOf: (key) => last.get(key) ?? 0,
    isAnyIncomplete: passing.incomplete > 0,
  });
  const exact = numbered === undefined ? undefined : await foldExactly(options, numbered);
  const uncertain = new UncertainStates({ engine, lost, gaps, isExact: exact !== undefined });
  const flagged = await flaggedStates(lake, uncertain);
  const inexact = async () => (numbered === undefined ? passing : foldOnce(options, { passesGaps: true }));
  return { ...(exact ?? (await inexact())), flagged, lost: sentences };
}

/** Also finds the states that depend on uncertain states. */
async function flaggedStates(lake: string, uncertain: UncertainStates): Promise<ReadonlySet<string>> {
  requireFew(lake, uncertain);
  if (!uncertain.needsEvents) return uncertain.keys;
  for await (const chunk of readCounted({ lake })) {
    for (const event of chunk) uncertain.add(event);
    requireFew(lake, uncertain);
  }
  return uncertain.keys;
}

function requireFew(lake: string, { keys }: UncertainStates): void {
  if (keys.size <= FLAGGED_MAX) return;
  const detail = `More than ${FLAGGED_MAX} states may lack an event.`;
  throw new TriplineError("state-conflict", `${gapsIn(lake, detail)} ${HOW_TO_GO_ON}`);
}

/** Folds the lake with the lost events at their assigned numbers; returns undefined if these turn out to be wrong. */
async function foldExactly(options: FoldLakeOptions, numbered: readonly NumberedEvent[]): Promise<Fold | undefined> {
  try {
    const fold = await foldOnce(options, { passesGaps: true, numbered });
    return fold.folding.gaps.length === 0 ? fold : undefined;
  } catch (thrown) {
    if (asTriplineError(thrown).code === "state-conflict") return undefined;
    throw thrown;
  }
}

interface Fold extends Omit<FoldedLake, "flagged" | "lost"> {
  readonly folding: FoldInOrder;
  readonly states: ReadonlyMap<string, RebuiltState>;
}

interface FoldMode {
  readonly passesGaps: boolean;
  /** Number of events, for the progress. Default: unknown */
  readonly total?: number;
  /** Events whose results the lake lacks. */
  readonly numbered?: readonly NumberedEvent[];
}

async function foldOnce(options: FoldLakeOptions, { passesGaps, numbered = [], total = 0 }: FoldMode): Promise<Fold> {
  const { engine, lake, stateTtlSeconds, isPartial, onProgress } = options;
  const erasedAtMs = erasedStates(engine, options.erasures);
  const before = options.statePath === undefined ? undefined : await readStates(options.statePath, engine);
  const stateBefore = (key: string) => before?.get(key) ?? null;
  const stateTtlMs = stateTtlSeconds * 1000;
  const folding = new FoldInOrder({ engine, stateBefore, stateTtlMs, erasedAtMs, passesGaps, onPayment: () => {} });
  const absent = numbered.toSorted((a, b) => a.beforeMs - b.beforeMs);
  const addAbsent = (untilMs: number) => {
    for (let [next] = absent; next !== undefined && next.beforeMs <= untilMs; [next] = absent) {
      absent.shift();
      addInOrder(folding, next.event, lake);
    }
  };
  let incomplete = 0;
  for await (const chunk of readCounted({ lake, once: isPartial })) {
    for (const event of chunk) {
      if (isIncomplete(event)) incomplete += 1;
      addAbsent(countedAtMsOf(event));
      if (isPartial) folding.addNow(event);
      else addInOrder(folding, event, lake);
    }
    onProgress(folding.counted, total);
  }
  addAbsent(Number.POSITIVE_INFINITY);
  folding.finish();
  onProgress(folding.counted, total);
  const { counted: events, repeated } = folding;
  const states = statesOf(folding, engine, before ?? new Map(), erasedAtMs);
  return { folding, states, events, incomplete, repeated, release: async () => {} };
}

async function readStates(path: string, engine: FeatureEngine): Promise<ReadonlyMap<string, Uint8Array>> {
  const states = new Map<string, Uint8Array>();
  for await (const [key, value] of readStateFile(path, engine)) states.set(key, value);
  return states;
}

/** If more states than this are affected, the lake is rejected, because the fault concerns more than a few entities. */
const FLAGGED_MAX = 1_000;
function addInOrder(folding: FoldInOrder, event: Parameters<FoldInOrder["add"]>[0], lake: string): void {
  try {
    folding.add(event);
  } catch (thrown) {
    const error = asTriplineError(thrown);
    if (error.code !== "queue-full" && error.code !== "state-conflict") throw error;
    throw new TriplineError("state-conflict", `${gapsIn(lake, error.message)} ${HOW_TO_GO_ON}`);
  }
}

/** The states must contain every counted event exactly once, so a lake with missing events is rejected. */
function requireAll(folding: FoldInOrder, { events, missing }: CountedTotals, lake: string): void {
  const stuck = folding.stuck.length;
  // If two events have the same number, only the first was counted.
  const shadowed = events - folding.counted - folding.covered - stuck;
  const faults = [
    ...(stuck > 0 ? [`${stuck} of ${events} events are waiting for earlier events`] : []),
    ...(missing > 0 ? [`${missing} results of features were never archived`] : []),
    ...(shadowed > 0 ? [`${shadowed} events have the same sequence number as another event`] : []),
  ];
  if (faults.length === 0) return;
  throw new TriplineError("state-conflict", `${gapsIn(lake, `${faults.join("; ")}.`)} ${HOW_TO_GO_ON}`);
}

function gapsIn(lake: string, what: string): string {
  return (
    `The lake ${lake} does not contain everything that was counted: ${what} If the service started from a snapshot of states, ` +
    "specify the snapshot with --state."
  );
}

function statesOf(
  folding: FoldInOrder,
  engine: FeatureEngine,
  before: ReadonlyMap<string, Uint8Array>,
  erasedAtMs: (key: string) => number | undefined,
): ReadonlyMap<string, RebuiltState> {
  // States that have not changed since counting began were loaded immediately before it.
  const beganAtMs = folding.beganAtMs ?? Date.now();
  const states = new Map<string, RebuiltState>();
  for (const [key, value] of before) {
    if (erasedAtMs(key) === undefined) states.set(key, { value, touchedAtMs: beganAtMs });
  }
  for (const { key, entity, state, countedAtMs } of folding.states()) {
    states.set(key, { value: engine.encodeState(entity, state), touchedAtMs: countedAtMs ?? beganAtMs });
  }
  return states;
}
