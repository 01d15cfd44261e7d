import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";
import { FoldInOrder } from "@tripline/feature-engine/online/fold-in-order";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";
import type { CountedTotals } from "@tripline/lake/read/read-counted";
import { readCounted, totalCounted } from "@tripline/lake/read/read-counted";
import { readSnapshot } from "@tripline/lake/snapshot/read-snapshot";
import type { SnapshotHeader } from "@tripline/lake/snapshot/snapshot-format";

export interface FoldLakeOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  /** Snapshot of the states with which the service began; it began with nothing unless given. */
  readonly statePath?: string;
  readonly stateTtlSeconds: number;
  /** Counts what there is in the order of time if the original order is incomplete. */
  readonly isPartial: boolean;
  readonly onProgress: (events: number) => void;
  /** As of `FoldInOrder`. */
  readonly erasedAtMs?: (key: string) => number | undefined;
}

/** A state as Redis would have it now. */
export interface RebuiltState {
  readonly value: Uint8Array;
  /** When it was changed last, by wall clock. */
  readonly touchedAtMs: number;
}

export interface FoldedLake {
  /** By Redis key. */
  readonly states: ReadonlyMap<string, RebuiltState>;
  readonly events: number;
  /** Of these, what was counted while states were lost. */
  readonly incomplete: number;
  /** Records that were delivered more than once. */
  readonly repeated: number;
}

/**
 * Computes the states of all entities from what the lake says was counted.
 *
 * @throws TriplineError `state-conflict` where the lake does not have all that was counted; `not-found`,
 *   `state-unreadable`, `database-unavailable`
 */
export async function foldLake(options: FoldLakeOptions): Promise<FoldedLake> {
  const { engine, lake, stateTtlSeconds, isPartial, onProgress, erasedAtMs = () => undefined } = options;
  const before = options.statePath === undefined ? undefined : await readStates(options.statePath, engine);
  const totals = await totalCounted(lake);
  const stateBefore = (key: string) => before?.get(key) ?? null;
  const stateTtlMs = stateTtlSeconds * 1000;
  const folding = new FoldInOrder({ engine, stateBefore, stateTtlMs, erasedAtMs, onPayment: () => {} });
  let incomplete = 0;
  for await (const chunk of readCounted({ lake, once: isPartial })) {
    for (const event of chunk) {
      if (event.kind === "payment" ? event.vector.incomplete : event.applied.incomplete) incomplete += 1;
      if (isPartial) folding.addNow(event);
      else addInOrder(folding, event, lake);
    }
    onProgress(folding.counted);
  }
  folding.finish();
  onProgress(folding.counted);
  if (!isPartial) requireAll(folding, totals, lake);
  const { counted: events, repeated } = folding;
  return { states: statesOf(folding, engine, before ?? new Map(), erasedAtMs), events, incomplete, repeated };
}

async function readStates(path: string, engine: FeatureEngine): Promise<ReadonlyMap<string, Uint8Array>> {
  const states = new Map<string, Uint8Array>();
  const requireLayout = ({ fingerprint, specVersion }: SnapshotHeader) => {
    if (fingerprint === layoutFingerprint(engine.entities)) return;
    throw new TriplineError("state-unreadable", `${path} was made for feature spec ${specVersion} with other windows.`);
  };
  for await (const [key, value] of readSnapshot(path, requireLayout)) states.set(key, value);
  return states;
}

const HOW_TO_GO_ON =
  "Or count what there is, in the order of time, with --partial: features are then close, but not exact.";

function addInOrder(folding: FoldInOrder, event: Parameters<FoldInOrder["add"]>[0], lake: string): void {
  try {
    folding.add(event);
  } catch (thrown) {
    const error = asTriplineError(thrown);
    if (error.code !== "queue-full" && error.code !== "state-conflict") throw error;
    throw new TriplineError("state-conflict", `${gapsIn(lake, error.message)} ${HOW_TO_GO_ON}`);
  }
}

/** Every counted event has to be in the states once, so a lake in which some are missing is refused. */
function requireAll(folding: FoldInOrder, { events, missing }: CountedTotals, lake: string): void {
  const stuck = folding.stuck.length;
  // Of two events under one number, only the first was counted.
  const shadowed = events - folding.counted - folding.covered - stuck;
  const faults = [
    ...(stuck > 0 ? [`${stuck} of ${events} events wait for earlier ones`] : []),
    ...(missing > 0 ? [`${missing} records of features and applied-labels were never archived`] : []),
    ...(shadowed > 0 ? [`${shadowed} events have the same sequence number as others`] : []),
  ];
  if (faults.length === 0) return;
  throw new TriplineError("state-conflict", `${gapsIn(lake, `${faults.join("; ")}.`)} ${HOW_TO_GO_ON}`);
}

function gapsIn(lake: string, what: string): string {
  return (
    `The lake ${lake} does not have all that was counted: ${what} If the service began with a snapshot of states, ` +
    "give it with --state."
  );
}

function statesOf(
  folding: FoldInOrder,
  engine: FeatureEngine,
  before: ReadonlyMap<string, Uint8Array>,
  erasedAtMs: (key: string) => number | undefined,
): ReadonlyMap<string, RebuiltState> {
  // States without an event since counting began were loaded just before it.
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
