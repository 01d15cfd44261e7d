import { TriplineError } from "@tripline/contracts/error-table";
import type { EntityState } from "../state/entity-state.js";
import type { CountedEvent } from "./counted-event.js";
import { countedAtMsOf, placeOf } from "./counted-event.js";

/** An event that is waiting to be counted. */
export interface Counting {
  readonly event: CountedEvent;
  readonly keys: readonly (string | undefined)[];
  /** Sequence numbers, by entity; undefined if the event has no number for that entity. */
  readonly numbers: readonly (number | undefined)[];
  /** Whether its numbers determine its place in the order. */
  readonly isOrdered: boolean;
  /** Number of entities that are still waiting for an earlier event. */
  missing: number;
}

export interface OrderedState {
  /** Index of the entity in the spec. */
  readonly entity: number;
  state: EntityState;
  /** Sequence number of the initial state. */
  numberBefore: number;
  /** Newest event time among the counted events. */
  newestMs: number;
  /** Wall clock of the last counted event; undefined before the first. */
  countedAtMs: number | undefined;
}

/** The part of the fold that the filler reads and modifies. */
export interface FoldedSoFar {
  readonly states: ReadonlyMap<string, OrderedState>;
  /** By entity key and sequence number, oldest first. */
  readonly waiting: ReadonlyMap<string, Counting>;
  count(counting: Counting): void;
}

/** A sequence number of an entity that occurs in no record. */
export interface Gap {
  readonly key: string;
  readonly number: number;
  /** Wall clock of the entity's next counted event. */
  readonly beforeMs: number;
}

interface OpenGap {
  readonly key: string;
  readonly entry: OrderedState;
}

/** Maximum number of events that are followed back from a waiting event to the gap. */
const HOPS_MAX = 10_000;
const GAPS_MAX = 10_000;

/** Lets entities continue after gaps in the numbers, and records the gaps. */
export class GapFiller {
  readonly gaps: Gap[] = [];

  constructor(private readonly folded: FoldedSoFar) {}

  /**
   * Lets entities continue if events that were counted before a given time wait for a missing event.
   *
   * @throws TriplineError `state-conflict` for contradictory numbers; `queue-full` for too many gaps
   */
  fill(untilMs: number): void {
    for (;;) {
      const [oldest] = this.folded.waiting.values();
      if (oldest === undefined || countedAtMsOf(oldest.event) >= untilMs) return;
      this.#pass(this.#gapsOf(this.#followBack(oldest)));
    }
  }

  /** The event itself, or the event that is reached by following gaps back until none leads to another waiting event. */
  #followBack(event: Counting): Counting {
    let blocked = event;
    for (let hops = 0; hops < HOPS_MAX; hops += 1) {
      const earlier = this.#gapsOf(blocked)
        .map(({ key }) => this.#nextOf(key))
        .find((next) => next !== undefined);
      if (earlier === undefined) break;
      blocked = earlier;
    }
    return blocked;
  }

  /** The entities with a gap before the event. */
  #gapsOf({ keys, numbers }: Counting): OpenGap[] {
    return keys.flatMap((key, entity) => {
      const entry = key === undefined ? undefined : this.folded.states.get(key);
      if (key === undefined || entry === undefined) return [];
      return (numbers[entity] ?? 0) > entry.state.sequence + 1 ? [{ key, entry }] : [];
    });
  }

  /** The next event of an entity, if it has been added. */
  #nextOf(key: string): Counting | undefined {
    const { states, waiting } = this.folded;
    return waiting.get(placeOf(key, (states.get(key)?.state.sequence ?? 0) + 1) ?? "");
  }

  #pass(gaps: readonly OpenGap[]): void {
    const open = gaps.find(({ key }) => this.#nextOf(key) === undefined);
    if (open === undefined) throw new TriplineError("state-conflict", "Some events wait for each other in a cycle.");
    const { key, entry } = open;
    const first = entry.state.sequence + 1;
    let next: Counting | undefined;
    while (next === undefined) {
      entry.state.sequence += 1;
      next = this.#nextOf(key);
    }
    if (this.gaps.length + entry.state.sequence - first >= GAPS_MAX) {
      throw new TriplineError("queue-full", `More than ${GAPS_MAX} sequence numbers have no record.`);
    }
    const beforeMs = countedAtMsOf(next.event);
    for (let number = first; number <= entry.state.sequence; number += 1) this.gaps.push({ key, number, beforeMs });
    next.missing -= 1;
    if (next.missing === 0) this.folded.count(next);
  }
}
