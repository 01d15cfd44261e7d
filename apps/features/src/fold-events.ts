import { TriplineError } from "@tripline/contracts/error-table";
import { AppliedLabel, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { EntityStates, FeatureEngine, LabelResult, PaymentResult } from "@tripline/feature-engine/compile-engine";
import type { EntityState } from "@tripline/feature-engine/entity-state";
import type { Emission } from "./applied-batch.js";
import type { EventRecord } from "./parse-event.js";

/** What a batch does to the states, before any of it is written. */
export interface Fold {
  readonly emissions: readonly Emission[];
  /** Encoded states that changed, by key. */
  readonly changed: ReadonlyMap<string, Uint8Array>;
  readonly duplicates: number;
  readonly tooLate: number;
}

/** What is true of a whole fold. */
export interface FoldContext {
  /** Wall clock in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Stored states were lost and are not rebuilt yet. */
  readonly incomplete: boolean;
}

/**
 * Applies events in their order to the states as they are stored.
 *
 * @param stored state bytes by key; has every key that the events name
 * @throws TriplineError `state-unreadable`; `invalid-field` for an event that cannot be counted
 */
export function foldEvents(
  engine: FeatureEngine,
  stored: ReadonlyMap<string, Uint8Array | null>,
  events: readonly EventRecord[],
  context: FoldContext,
): Fold {
  const decoded = new Map<string, DecodedState>();
  const emissions: Emission[] = [];
  let duplicates = 0;
  let tooLate = 0;
  for (const event of events) {
    const entries = event.stateKeys.map((key, entity) =>
      key === undefined ? undefined : stateOf(engine, entity, key, decoded, stored),
    );
    const states = entries.map((entry) => entry?.state);
    const result =
      event.kind === "payment"
        ? engine.applyPayment(states, event.transaction)
        : engine.applyLabel(states, event.label);
    if (result.duplicate) {
      duplicates += 1;
      continue;
    }
    if (result.tooLate) tooLate += 1;
    for (const entry of entries) if (entry !== undefined) entry.changed = true;
    const value = encodeResult(engine, event, result, states, context);
    emissions.push({ offset: event.offset, value });
  }
  const changed = new Map<string, Uint8Array>();
  for (const [key, { entity, state, changed: isChanged }] of decoded) {
    if (isChanged) changed.set(key, engine.encodeState(entity, state));
  }
  return { emissions, changed, duplicates, tooLate };
}

interface DecodedState {
  readonly entity: number;
  readonly state: EntityState;
  changed: boolean;
}

function stateOf(
  engine: FeatureEngine,
  entity: number,
  key: string,
  decoded: Map<string, DecodedState>,
  stored: ReadonlyMap<string, Uint8Array | null>,
): DecodedState {
  const known = decoded.get(key);
  if (known !== undefined) return known;
  const bytes = stored.get(key);
  if (bytes === undefined) throw new TriplineError("internal", "A state of the batch was not read.");
  const entry = { entity, state: engine.decodeState(entity, bytes), changed: false };
  decoded.set(key, entry);
  return entry;
}

/** What an event that was counted emits: a FeatureVector or an AppliedLabel, in bytes. */
function encodeResult(
  engine: FeatureEngine,
  event: EventRecord,
  result: Exclude<PaymentResult | LabelResult, { duplicate: true }>,
  states: EntityStates,
  { nowMs, incomplete }: FoldContext,
): Uint8Array {
  const specVersion = engine.spec.version;
  const sequences = states.map((state) => state?.sequence ?? 0);
  const { tooLate } = result;
  if (event.kind === "label") {
    const { label } = event;
    const applied: AppliedLabel = { label, specVersion, sequences, tooLate, incomplete, appliedAtMs: nowMs };
    return AppliedLabel.encode(applied).finish();
  }
  const values = "values" in result ? result.values : [];
  const { transaction } = event;
  const vector: FeatureVector = {
    transaction,
    specVersion,
    values,
    sequences,
    tooLate,
    incomplete,
    computedAtMs: nowMs,
  };
  return FeatureVector.encode(vector).finish();
}
