import { TriplineError } from "@tripline/contracts/error-table";
import type { AppliedLabel, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine } from "./compile-engine.js";
import type { EntityState } from "./entity-state.js";

/** An event as features counted it: a payment with its vector, or a label. */
export type CountedEvent =
  | { readonly kind: "payment"; readonly vector: FeatureVector }
  | { readonly kind: "label"; readonly applied: AppliedLabel };

/** What folding a payment again gave. */
export interface FoldedPayment {
  readonly vector: FeatureVector;
  readonly values: readonly number[];
  readonly tooLate: boolean;
  /** How far back in event time it stands behind an event of its entities that was counted before; 0 in order. */
  readonly strayMs: number;
}

export interface FoldInOrderOptions {
  readonly engine: FeatureEngine;
  /** Bytes of the state from which an entity starts, by Redis key; null where it starts with nothing. */
  readonly stateBefore?: (key: string) => Uint8Array | null;
  readonly onPayment: (payment: FoldedPayment) => void;
  /** Events that may wait for one that comes before them. */
  readonly waitingMax?: number;
}

interface Waiting {
  readonly event: CountedEvent;
  readonly keys: readonly (string | undefined)[];
  /** Entities whose turn it is not yet. */
  missing: number;
}

interface OrderedState {
  /** Place of the entity in the spec. */
  readonly entity: number;
  readonly state: EntityState;
  /** Newest event time of what was counted. */
  newestMs: number;
}

const WAITING_MAX_DEFAULT = 1_000_000;

/**
 * Folds archived events again in the order in which they were counted online. Cards are counted side by side, so that
 * order is known of each entity alone, from the sequence numbers in the records; records may be added in any order. A
 * record that was delivered twice counts once.
 */
export class FoldInOrder {
  /** Events that were counted. */
  counted = 0;
  /** Records that came again. */
  repeated = 0;
  readonly #options: Required<FoldInOrderOptions>;
  readonly #states = new Map<string, OrderedState>();
  /** By key of the entity and sequence number: the event that waits for its turn there. */
  readonly #waiting = new Map<string, Waiting>();

  constructor(options: FoldInOrderOptions) {
    this.#options = { stateBefore: () => null, waitingMax: WAITING_MAX_DEFAULT, ...options };
  }

  /** @throws TriplineError `queue-full` when more events wait than may; `state-unreadable` */
  add(event: CountedEvent): void {
    const sequences = sequencesOf(event);
    const keys = this.#keysOf(event);
    const places = keys.map((key, entity) => (key === undefined ? undefined : `${sequences[entity]} ${key}`));
    const main = keys[0];
    if (main === undefined || this.#waiting.has(places[0] ?? "")) {
      this.repeated += 1;
      return;
    }
    if ((sequences[0] ?? 0) <= this.#stateOf(0, main).state.sequence) {
      this.repeated += 1;
      return;
    }
    const missing = keys.filter(
      (key, entity) => key !== undefined && this.#stateOf(entity, key).state.sequence + 1 !== sequences[entity],
    );
    const waiting: Waiting = { event, keys, missing: missing.length };
    if (waiting.missing === 0) {
      this.#count(waiting);
      return;
    }
    if (this.#waiting.size >= this.#options.waitingMax) {
      throw new TriplineError("queue-full", `${this.#waiting.size} events wait for earlier ones that do not come.`);
    }
    for (const place of places) if (place !== undefined) this.#waiting.set(place, waiting);
  }

  /** Events that still wait for an earlier one of one of their entities. */
  get stuck(): readonly CountedEvent[] {
    return [...new Set([...this.#waiting.values()].map((waiting) => waiting.event))];
  }

  /** States as they are now, by Redis key, with the place of their entity in the spec. */
  *states(): Generator<readonly [key: string, entity: number, state: EntityState]> {
    for (const [key, { entity, state }] of this.#states) yield [key, entity, state];
  }

  #keysOf(event: CountedEvent): (string | undefined)[] {
    const { engine } = this.#options;
    const fact = event.kind === "payment" ? event.vector.transaction : event.applied.label;
    return fact === undefined ? [] : engine.stateKeys(fact.tenant, fact);
  }

  #stateOf(entity: number, key: string): OrderedState {
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state = this.#options.engine.decodeState(entity, this.#options.stateBefore(key));
    const made = { entity, state, newestMs: state.payments.newestMs };
    this.#states.set(key, made);
    return made;
  }

  /** Counts an event whose turn has come, and then whatever waited for it. */
  #count(first: Waiting): void {
    const ready = [first];
    for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
      const entries = next.keys.map((key, entity) => (key === undefined ? undefined : this.#stateOf(entity, key)));
      this.#apply(next.event, entries);
      for (const [entity, key] of next.keys.entries()) {
        const entry = entries[entity];
        if (key === undefined || entry === undefined) continue;
        this.#waiting.delete(`${entry.state.sequence} ${key}`);
        const follower = this.#waiting.get(`${entry.state.sequence + 1} ${key}`);
        if (follower === undefined) continue;
        follower.missing -= 1;
        if (follower.missing === 0) ready.push(follower);
      }
    }
  }

  #apply(event: CountedEvent, entries: readonly (OrderedState | undefined)[]): void {
    const { engine, onPayment } = this.#options;
    const states = entries.map((entry) => entry?.state);
    this.counted += 1;
    if (event.kind === "label") {
      if (event.applied.label !== undefined) engine.applyLabel(states, event.applied.label);
      return;
    }
    const { vector } = event;
    if (vector.transaction === undefined) return;
    const atMs = vector.transaction.occurredAtMs;
    let strayMs = 0;
    for (const entry of entries) {
      if (entry === undefined) continue;
      strayMs = Math.max(strayMs, entry.newestMs - atMs);
      entry.newestMs = Math.max(entry.newestMs, atMs);
    }
    const result = engine.applyPayment(states, vector.transaction);
    if (result.duplicate) throw new TriplineError("internal", "An event with a sequence number of its own came twice.");
    onPayment({ vector, values: result.values, tooLate: result.tooLate, strayMs });
  }
}

function sequencesOf(event: CountedEvent): readonly number[] {
  return event.kind === "payment" ? event.vector.sequences : event.applied.sequences;
}
