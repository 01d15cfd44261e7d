import { countedAtMsOf } from "@tripline/feature-engine/apply/counted-event";
import type { CountedName } from "@tripline/lake/read/counted-range";
import { byCountedName, COUNTED_NAMES } from "@tripline/lake/read/counted-range";
import type { PlacedEvent } from "@tripline/lake/read/read-counted";

/**
 * Kafka redelivers the records after the last commit, and if states were lost, they are counted again. A reader
 * recognises them if it has seen the first delivery. Commits lag by seconds.
 */
const RECENT_MINUTES = 10;
const MINUTE_MS = 60_000;

type Firsts = Readonly<Record<CountedName, Map<number, number>>>;

/** Finds where the last minutes of a range begin. */
export class RecentRecords {
  /** For each minute, the first record of each partition. */
  readonly #minutes = new Map<number, Firsts>();

  /** Call this in time order. */
  add({ event, topic, partition, offset }: PlacedEvent): void {
    const minute = Math.floor(countedAtMsOf(event) / MINUTE_MS);
    const known = this.#minutes.get(minute);
    const firsts: Firsts = known ?? byCountedName(() => new Map());
    if (known === undefined) {
      this.#minutes.set(minute, firsts);
      for (const old of this.#minutes.keys()) if (old <= minute - RECENT_MINUTES) this.#minutes.delete(old);
    }
    lower(firsts[topic], partition, offset);
  }

  /** By topic and partition; a partition without recently counted records is absent. */
  firsts(): Firsts {
    const all: Firsts = byCountedName(() => new Map());
    for (const firsts of this.#minutes.values()) {
      for (const topic of COUNTED_NAMES) {
        for (const [partition, offset] of firsts[topic]) lower(all[topic], partition, offset);
      }
    }
    return all;
  }
}

export function lower(offsets: Map<number, number>, partition: number, offset: number): void {
  offsets.set(partition, Math.min(offset, offsets.get(partition) ?? offset));
}
