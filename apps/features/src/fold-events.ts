import { TriplineError } from "@tripline/contracts/error-table";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine, LabelResult, PaymentResult } from "@tripline/feature-engine/compile-engine";
import type { EntityState } from "@tripline/feature-engine/entity-state";
import type { Emission } from "./applied-batch.js";
import type { EventRecord, PaymentRecord } from "./parse-event.js";

/** What a batch does to the states, before any of it is written. */
export interface Fold {
  readonly emissions: readonly Emission[];
  /** Encoded states that changed, by key. */
  readonly changed: ReadonlyMap<string, Uint8Array>;
  readonly duplicates: number;
  readonly tooLate: number;
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
  nowMs: number,
): Fold {
  const cards = new Map<string, EntityState>();
  const terminals = new Map<string, EntityState>();
  const emissions: Emission[] = [];
  const touched = new Set<string>();
  let duplicates = 0;
  let tooLate = 0;
  const note = (event: EventRecord, result: LabelResult | PaymentResult): void => {
    if (result.duplicate) {
      duplicates += 1;
      return;
    }
    if (result.tooLate) tooLate += 1;
    touched.add(event.cardKey).add(event.terminalKey);
  };
  for (const event of events) {
    const card = stateOf(event.cardKey, cards, (bytes) => engine.decodeState("card", bytes), stored);
    const terminal = stateOf(event.terminalKey, terminals, (bytes) => engine.decodeState("terminal", bytes), stored);
    if (event.kind === "payment") {
      const result = engine.applyPayment(card, terminal, event.transaction);
      if (!result.duplicate) emissions.push(emissionOf(engine, event, result.values, { card, terminal, nowMs }));
      note(event, result);
    } else {
      note(event, engine.applyLabel(card, terminal, event.label));
    }
  }
  const changed = new Map<string, Uint8Array>();
  for (const [key, state] of cards) if (touched.has(key)) changed.set(key, engine.encodeState("card", state));
  for (const [key, state] of terminals) if (touched.has(key)) changed.set(key, engine.encodeState("terminal", state));
  return { emissions, changed, duplicates, tooLate };
}

function stateOf(
  key: string,
  decoded: Map<string, EntityState>,
  decode: (bytes: Uint8Array | null) => EntityState,
  stored: ReadonlyMap<string, Uint8Array | null>,
): EntityState {
  const known = decoded.get(key);
  if (known !== undefined) return known;
  const bytes = stored.get(key);
  if (bytes === undefined) throw new TriplineError("internal", "A state of the batch was not read.");
  const state = decode(bytes);
  decoded.set(key, state);
  return state;
}

function emissionOf(
  engine: FeatureEngine,
  event: PaymentRecord,
  values: number[],
  at: { readonly card: EntityState; readonly terminal: EntityState; readonly nowMs: number },
): Emission {
  const vector: FeatureVector = {
    transaction: event.transaction,
    specVersion: engine.spec.version,
    values,
    cardSequence: at.card.sequence,
    terminalSequence: at.terminal.sequence,
    computedAtMs: at.nowMs,
  };
  return { offset: event.offset, value: FeatureVector.encode(vector).finish() };
}
