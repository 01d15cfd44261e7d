import { TriplineError } from "@tripline/contracts/error-table";
import type { AppliedLabel, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { ProfileRows } from "../profiles.js";
import type { EntityState } from "../state/entity-state.js";
import type { EntityStates, FeatureEngine } from "./compile-engine.js";
import type { CountedEvent } from "./counted-event.js";
import { countedAtMsOf, isIncomplete, numbersOf, occurredAtMsOf, placeOf, stateKeysOf } from "./counted-event.js";
import { wasExplained } from "./explained-fraud.js";
import type { Counting, Gap, OrderedState } from "./fill-gaps.js";
import { GapFiller } from "./fill-gaps.js";
import type { FoldDecisions } from "./fold-decisions.js";
import type { Place } from "./order-by-numbers.js";
import { orderByNumbers } from "./order-by-numbers.js";

/** The result of recomputing a payment. */
export interface FoldedPayment {
  readonly vector: FeatureVector;
  readonly values: readonly number[];
  readonly tooLate: boolean;
  /**
   * How much older the payment is, in event time, than an event of its entities that was counted earlier; 0 if it is in
   * order.
   */
  readonly strayMs: number;
}

export interface FoldInOrderOptions {
  readonly engine: FeatureEngine;
  /** Encoded initial state of an entity, by Redis key; null if it starts empty. */
  readonly stateBefore?: (key: string) => Uint8Array | null;
  /** Wall-clock time of the service's last change to an initial state; undefined if counting started after it. */
  readonly changedBefore?: (key: string) => number | undefined;
  /**
   * Called for each payment that has a place in the order. Payments counted while states were lost have none, because
   * it is unknown which history their features were computed from.
   */
  readonly onPayment: (payment: FoldedPayment) => void;
  /** The profiles from which a payment's features are computed. Default: none. */
  readonly profilesOf?: (vector: FeatureVector) => ProfileRows;
  /** Maximum number of events that may wait for an earlier one. */
  readonly waitingMax?: number;
  /**
   * When the data subject of a state was erased, by Redis key. From then on, the state was empty except for its
   * sequence number. A fraud that was counted before the erasure, but is added only in a later fold, is judged without
   * the erased history if its record does not contain `explained`.
   */
  readonly erasedAtMs?: (key: string) => number | undefined;
  /** Time to live of an unused state online, in milliseconds of wall-clock time. Default: unlimited. */
  readonly stateTtlMs?: number;
  /**
   * Whether an event stops waiting for an earlier event once the clock shows that the earlier one will not arrive.
   * Default: no.
   */
  readonly passesGaps?: boolean;
  /** Needed only if the entities of an event are added one by one. */
  readonly decisions?: FoldDecisions;
  /** When counting started. Needed if the first event is not among the added events. */
  readonly beganAtMs?: number;
  /** Called for an event that is skipped because it was already counted. */
  readonly onDropped?: (event: CountedEvent) => void;
}

/** A state and its metadata. */
export interface FoldedState {
  readonly key: string;
  /** Index of the entity in the spec. */
  readonly entity: number;
  readonly state: EntityState;
  /** When the service last changed it, by wall clock; undefined if it has not changed since counting started. */
  readonly countedAtMs: number | undefined;
}

const WAITING_MAX_DEFAULT = 1_000_000;
/** Maximum clock skew between instances. */
const CLOCKS_APART_MS_MAX = 10_000;
/** How often states that have expired online are removed. */
const SWEEP_EVERY_MS = 86_400_000;

/**
 * Recomputes archived events in the order in which they were counted online. Cards are counted in parallel, so the
 * order is known only per entity, from the sequence numbers in the records. A record that was delivered twice counts
 * once.
 *
 * While states were lost, the numbers restarted. Events that were counted during that time are counted here in the
 * order in which they are added, after all earlier events. Add each of them only once, and only if it was not also
 * counted at another time.
 *
 * Records may be added in any order if no state was lost or expired. Otherwise, add them approximately in clock order.
 */
export class FoldInOrder {
  /** Number of counted events. */
  counted = 0;
  /** Number of repeated records. */
  repeated = 0;
  /** Number of records whose events are already included in an initial state. */
  covered = 0;
  readonly #filler: GapFiller | undefined;
  readonly #options: Required<Omit<FoldInOrderOptions, "passesGaps" | "decisions" | "beganAtMs">>;
  readonly #decisions: FoldDecisions | undefined;
  readonly #states = new Map<string, OrderedState>();
  /** By entity key and sequence number: the waiting event. */
  readonly #waiting = new Map<string, Counting>();
  /**
   * Events without a place in the order, with the entity to which to add them. Held until no earlier event can arrive.
   */
  readonly #held = new Map<CountedEvent, number | undefined>();
  /** Events of the same millisecond, to be counted now. */
  #together: CountedEvent[] = [];
  #beganAtMs: number | undefined;
  #sweptAtMs = 0;

  constructor({ passesGaps = false, decisions, beganAtMs, ...options }: FoldInOrderOptions) {
    const defaults = { waitingMax: WAITING_MAX_DEFAULT, stateTtlMs: Number.POSITIVE_INFINITY };
    this.#options = {
      stateBefore: () => null,
      changedBefore: () => undefined,
      onDropped: () => {},
      profilesOf: () => [],
      erasedAtMs: () => undefined,
      ...defaults,
      ...options,
    };
    this.#decisions = decisions;
    this.#beganAtMs = beganAtMs;
    const folded = { states: this.#states, waiting: this.#waiting, count: (next: Counting) => this.#count(next) };
    this.#filler = passesGaps ? new GapFiller(folded) : undefined;
  }

  /**
   * @param only index of an entity, to count the event in that entity alone. An entity's state depends only on its
   *   events in the order of its numbers, and on `FoldDecisions`, so entities can be folded separately, starting with
   *   the first
   * @throws TriplineError `queue-full` if too many events are waiting; `state-unreadable`; `state-conflict` for
   *   contradictory numbers
   */
  add(event: CountedEvent, only?: number): void {
    const atMs = countedAtMsOf(event);
    this.#addHeld(atMs - CLOCKS_APART_MS_MAX);
    this.#filler?.fill(atMs - CLOCKS_APART_MS_MAX);
    this.#sweep(atMs);
    if (isIncomplete(event)) this.#held.set(event, only);
    else this.#addOrdered(event, atMs, only);
  }

  /** Call this after all events have been added. */
  finish(): void {
    this.#addTogether();
    this.#addHeld(Number.POSITIVE_INFINITY);
    this.#filler?.fill(Number.POSITIVE_INFINITY);
    for (const [key, entry] of this.#states) this.#emptyIfErased(key, entry, Number.POSITIVE_INFINITY);
  }

  /**
   * Counts an event immediately, regardless of its numbers, unless an initial state already includes it. Use it for
   * archives with missing events: if the existing events are added in clock order, all of them are counted. They keep
   * their numbers, and later events continue from these. The numbers also order events of the same millisecond, such as
   * the events of a batch.
   *
   * @throws TriplineError `state-unreadable`
   */
  addNow(event: CountedEvent): void {
    const [before] = this.#together;
    if (before !== undefined && countedAtMsOf(before) !== countedAtMsOf(event)) this.#addTogether();
    this.#together.push(event);
  }

  #addTogether(): void {
    const events = this.#together;
    this.#together = [];
    for (const event of orderByNumbers(events, (one) => this.#placesOf(one))) this.#addOneNow(event);
  }

  #placesOf(event: CountedEvent): Place[] {
    if (isIncomplete(event)) return [];
    const numbers = numbersOf(event);
    return this.#keysOf(event).flatMap((key, entity) => {
      const number = numbers[entity];
      return key === undefined || number === undefined ? [] : [{ key, number }];
    });
  }

  #addOneNow(event: CountedEvent): void {
    const atMs = countedAtMsOf(event);
    this.#sweep(atMs);
    const numbers = isIncomplete(event) ? [] : numbersOf(event);
    const [key] = this.#keysOf(event);
    if (key !== undefined && (numbers[0] ?? Infinity) <= this.#stateOf(0, key, atMs).numberBefore) this.covered += 1;
    else this.#addUnordered(event, atMs, numbers);
  }

  /** Events of which at least one entity is still waiting for an earlier event. */
  get stuck(): readonly CountedEvent[] {
    return [...new Set([...this.#waiting.values()].map((counting) => counting.event))];
  }

  /** Sequence numbers that were skipped because they occur in no record. */
  get gaps(): readonly Gap[] {
    return this.#filler?.gaps ?? [];
  }

  /** Wall-clock time of the first counted event; undefined before it. */
  get beganAtMs(): number | undefined {
    return this.#beganAtMs;
  }

  /** The states of all entities that occurred, except for states that expired online long ago. */
  *states(): Generator<FoldedState> {
    for (const [key, { entity, state, countedAtMs }] of this.#states) yield { key, entity, state, countedAtMs };
  }

  /** Limits memory to the entities that occur within one time to live, instead of all entities that ever occurred. */
  #sweep(atMs: number): void {
    if (atMs < this.#sweptAtMs + SWEEP_EVERY_MS) return;
    this.#sweptAtMs = atMs;
    for (const [key, entry] of this.#states) if (this.#isForgotten(entry, atMs, undefined)) this.#states.delete(key);
  }

  /** Counts the held events that were counted online before a given time, and the oldest ones if too many are held. */
  #addHeld(untilMs: number): void {
    for (const [event, only] of this.#held) {
      const atMs = countedAtMsOf(event);
      if (atMs >= untilMs && this.#held.size < this.#options.waitingMax) return;
      this.#held.delete(event);
      this.#addUnordered(event, atMs, [], only);
    }
  }

  #addUnordered(event: CountedEvent, atMs: number, numbers: readonly (number | undefined)[], only?: number): void {
    const keys = this.#keysOf(event, only);
    for (const [entity, key] of keys.entries()) if (key !== undefined) this.#freshStateOf(entity, key, atMs, undefined);
    this.#count({ event, keys, numbers, isOrdered: false, missing: 0 });
  }

  #addOrdered(event: CountedEvent, atMs: number, only: number | undefined): void {
    const numbers = numbersOf(event);
    const keys = this.#keysOf(event, only);
    const places = keys.map((key, entity) => placeOf(key, numbers[entity]));
    const entries = keys.map((key, entity) =>
      key === undefined ? undefined : this.#freshStateOf(entity, key, atMs, numbers[entity]),
    );
    const main = entries[only ?? 0];
    const mainNumber = numbers[only ?? 0] ?? 0;
    if (main === undefined || this.#waiting.has(places[only ?? 0] ?? "") || mainNumber <= main.state.sequence) {
      if (main !== undefined && mainNumber <= main.numberBefore) this.covered += 1;
      else this.repeated += 1;
      this.#options.onDropped(event);
      return;
    }
    // An entity without a number was not yet in the spec when the event was counted.
    const missing = entries.filter((entry, entity) => {
      const number = numbers[entity];
      return entry !== undefined && number !== undefined && entry.state.sequence + 1 !== number;
    });
    const counting: Counting = { event, keys, numbers, isOrdered: true, missing: missing.length };
    if (counting.missing === 0) {
      this.#count(counting);
      return;
    }
    if (this.#waiting.size >= this.#options.waitingMax) {
      throw new TriplineError(
        "queue-full",
        `${this.#waiting.size} events are waiting for earlier events that do not arrive.`,
      );
    }
    for (const place of places) if (place !== undefined) this.#waiting.set(place, counting);
  }

  #keysOf(event: CountedEvent, only?: number): (string | undefined)[] {
    return stateKeysOf(this.#options.engine, event, only);
  }

  #stateOf(entity: number, key: string, atMs: number): OrderedState {
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const bytes = this.#options.stateBefore(key);
    const state = this.#options.engine.decodeState(entity, bytes);
    const countedAtMs = bytes === null ? atMs : this.#options.changedBefore(key);
    const { sequence: numberBefore, payments } = state;
    const made = { entity, state, numberBefore, newestMs: payments.newestMs, countedAtMs };
    this.#states.set(key, made);
    return made;
  }

  /** The state that the online service found, which is empty if the previous state had expired. */
  #freshStateOf(entity: number, key: string, atMs: number, number: number | undefined): OrderedState {
    const entry = this.#stateOf(entity, key, atMs);
    if (!this.#isForgotten(entry, atMs, number)) return entry;
    entry.state = this.#options.engine.decodeState(entity, null);
    entry.numberBefore = 0;
    entry.newestMs = entry.state.payments.newestMs;
    entry.countedAtMs = atMs;
    return entry;
  }

  /** @param atMs of the next event */
  #emptyIfErased(key: string, entry: OrderedState, atMs: number): void {
    const erasedAtMs = this.#options.erasedAtMs(key);
    if (erasedAtMs === undefined || erasedAtMs >= atMs || (entry.countedAtMs ?? 0) > erasedAtMs) return;
    entry.state = { ...this.#options.engine.decodeState(entry.entity, null), sequence: entry.state.sequence };
    entry.newestMs = entry.state.payments.newestMs;
  }

  /** If the clock shows that the state may have expired, the event's number shows whether it did. */
  #isForgotten({ state, countedAtMs }: OrderedState, atMs: number, number: number | undefined): boolean {
    const idleMs = atMs - (countedAtMs ?? this.#beganAtMs ?? atMs);
    if (number === undefined) return idleMs >= this.#options.stateTtlMs + CLOCKS_APART_MS_MAX;
    return number <= state.sequence && idleMs >= this.#options.stateTtlMs - CLOCKS_APART_MS_MAX;
  }

  /** Counts an event that is no longer waiting, and then the events that waited for it. */
  #count(first: Counting): void {
    const ready = [first];
    for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
      const { event, keys, numbers } = next;
      const atMs = countedAtMsOf(event);
      const entries = keys.map((key, entity) => {
        if (key === undefined) return undefined;
        const entry = this.#stateOf(entity, key, atMs);
        this.#emptyIfErased(key, entry, atMs);
        return entry;
      });
      if (!this.#apply(next, entries)) continue;
      for (const [entity, key] of keys.entries()) {
        const entry = entries[entity];
        if (key === undefined || entry === undefined) continue;
        this.#waiting.delete(placeOf(key, numbers[entity]) ?? "");
        const follower = this.#waiting.get(placeOf(key, entry.state.sequence + 1) ?? "");
        if (follower === undefined) continue;
        follower.missing -= 1;
        if (follower.missing === 0) ready.push(follower);
      }
    }
  }

  /** @returns false, without any change, for an event that its card already remembers */
  #apply({ event, numbers, isOrdered }: Counting, entries: readonly (OrderedState | undefined)[]): boolean {
    const states = entries.map((entry) => entry?.state);
    const strayMs = strayOf(event, entries);
    const isCounted =
      event.kind === "payment"
        ? this.#applyPayment(event.vector, states, isOrdered ? strayMs : undefined)
        : this.#applyReport(event, states);
    if (!isCounted) {
      if (isOrdered) throw numbersContradict();
      this.repeated += 1;
      this.#options.onDropped(event);
      return false;
    }
    this.counted += 1;
    this.#beganAtMs ??= countedAtMsOf(event);
    for (const [entity, entry] of entries.entries()) {
      if (entry === undefined) continue;
      entry.countedAtMs = Math.max(entry.countedAtMs ?? 0, countedAtMsOf(event));
      entry.state.sequence = Math.max(entry.state.sequence, numbers[entity] ?? 0);
      if (event.kind === "payment") entry.newestMs = Math.max(entry.newestMs, occurredAtMsOf(event.vector));
    }
    return true;
  }

  #applyReport(event: Exclude<CountedEvent, { kind: "payment" }>, states: EntityStates): boolean {
    if (event.kind === "label") return this.#applyLabel(event.applied, states);
    const { update } = event.applied;
    return update !== undefined && !this.#options.engine.applyUpdate(states, update).duplicate;
  }

  #applyLabel(applied: AppliedLabel, states: EntityStates): boolean {
    const { engine } = this.#options;
    const { label } = applied;
    if (label === undefined) return false;
    const decisions = this.#decisions;
    const known = wasExplained(engine, applied);
    if (decisions === undefined) return !engine.applyLabel(states, { ...label, explained: known }).duplicate;
    const isFirst = states[0] !== undefined;
    const explained = known ?? (isFirst ? engine.explains(states, label.occurredAtMs) : decisions.isExplained(applied));
    const { duplicate } = engine.applyLabel(states, { ...label, explained });
    if (isFirst && explained && !duplicate) decisions.explain(applied);
    return !duplicate;
  }

  /** @param strayMs undefined for a payment without a place in the order, which is not reported */
  #applyPayment(vector: FeatureVector, states: EntityStates, strayMs: number | undefined): boolean {
    const { engine, onPayment, profilesOf } = this.#options;
    const result = vector.transaction && engine.applyPayment(states, vector.transaction, profilesOf(vector));
    if (result === undefined || result.duplicate) return false;
    if (strayMs !== undefined) onPayment({ vector, values: result.values, tooLate: result.tooLate, strayMs });
    return true;
  }
}

/** How much older a payment is, in event time, than an event of its entities that was counted earlier. */
function strayOf(event: CountedEvent, entries: readonly (OrderedState | undefined)[]): number {
  if (event.kind !== "payment") return 0;
  const atMs = occurredAtMsOf(event.vector);
  return Math.max(0, ...entries.map((entry) => (entry === undefined ? 0 : entry.newestMs - atMs)));
}

function numbersContradict(): TriplineError {
  return new TriplineError("state-conflict", "An event was counted under two numbers close to each other.");
}
