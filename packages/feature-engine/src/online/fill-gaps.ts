import { TriplineError } from "@tripline/contracts/error-table";
import type { EntityState } from "../state/entity-state.js";
import type { CountedEvent } from "./counted-event.js";
import { countedAtMsOf, placeOf } from "./counted-event.js";

/** An event on its way into the states. */
export interface Counting {
  readonly event: CountedEvent;
  readonly keys: readonly (string | undefined)[];
  /** Sequence numbers, by the place of the entity; undefined where the event has none there. */
  readonly numbers: readonly (number | undefined)[];
  /** Whether its numbers say when its turn is. */
  readonly isOrdered: boolean;
  /** Entities whose turn it is not yet. */
  missing: number;
}

export interface OrderedState {
  /** Place of the entity in the spec. */
  readonly entity: number;
  state: EntityState;
  /** Sequence number of the state from which it started. */
  numberBefore: number;
  /** Newest event time of what was counted. */
  newestMs: number;
  /** Wall clock of the last event that was counted; undefined where none was since counting began. */
  countedAtMs: number | undefined;
}

/** What the filler sees of the folding, and does to it. */
export interface FoldedSoFar {
  readonly states: ReadonlyMap<string, OrderedState>;
  /** By key of the entity and sequence number, the oldest first. */
  readonly waiting: ReadonlyMap<string, Counting>;
  count(counting: Counting): void;
}

/** A sequence number of an entity that no record has. */
export interface Gap {
  readonly key: string;
  readonly number: number;
  /** Wall clock at which the next event of the entity was counted. */
  readonly beforeMs: number;
}

interface OpenGap {
  readonly key: string;
  readonly entry: OrderedState;
}

/** Events that are followed back, from one that waits, to where something is missing. */
const HOPS_MAX = 10_000;
const GAPS_MAX = 10_000;

/** Lets entities continue where numbers leave a gap, and notes the gaps. */
export class GapFiller {
  readonly gaps: Gap[] = [];

  constructor(private readonly folded: FoldedSoFar) {}

  /**
   * Continues where events counted before a time wait for one that does not come.
   *
   * @throws TriplineError `state-conflict` for numbers that contradict each other; `queue-full` for too many gaps
   */
  fill(untilMs: number): void {
    for (;;) {
      const [oldest] = this.folded.waiting.values();
      if (oldest === undefined || countedAtMsOf(oldest.event) >= untilMs) return;
      this.#pass(this.#gapsOf(this.#followBack(oldest)));
    }
  }

  /** The event itself, or one before it that waits for nothing that has been added. */
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

  /** The entities in which something is missing before the event. */
  #gapsOf({ keys, numbers }: Counting): OpenGap[] {
    return keys.flatMap((key, entity) => {
      const entry = key === undefined ? undefined : this.folded.states.get(key);
      if (key === undefined || entry === undefined) return [];
      return (numbers[entity] ?? 0) > entry.state.sequence + 1 ? [{ key, entry }] : [];
    });
  }

  /** The event that comes next in an entity, if it has been added. */
  #nextOf(key: string): Counting | undefined {
    const { states, waiting } = this.folded;
    return waiting.get(placeOf(key, (states.get(key)?.state.sequence ?? 0) + 1) ?? "");
  }

  #pass(gaps: readonly OpenGap[]): void {
    const open = gaps.find(({ key }) => this.#nextOf(key) === undefined);
    if (open === undefined) throw new TriplineError("state-conflict", "Events wait for each other.");
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
