import { TriplineError } from "@tripline/contracts/error-table";
import type { HeldRow } from "./read-record.js";

/** What a partition has in memory: every record of the offsets [from, next), but for dead letters and Kafka's gaps. */
interface HeldPartition {
  /** Where the lake is. */
  from: number;
  next: number;
  rows: HeldRow[];
  /** When `next` left `from`, on the clock of `performance.now()`. */
  sinceMs: number;
}

export interface Snapshot {
  readonly ranges: ReadonlyMap<number, { readonly from: number; readonly to: number }>;
  /** In the order of partitions, then of offsets. */
  readonly rows: readonly HeldRow[];
}

/**
 * Records of one topic that are not in the lake yet. Each partition's are a stretch without holes that begins where the
 * lake ends, so they stay true whoever has the partition meanwhile: when the lake moves on, they get fewer from the
 * front, and nothing else ever has to be thrown away.
 */
export class RowBuffer {
  readonly #partitions = new Map<number, HeldPartition>();
  #rows = 0;
  #bytes = 0;

  get rows(): number {
    return this.#rows;
  }

  /** Of Kafka's values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest of what is held came, on the clock of `performance.now()`; undefined when nothing is held. */
  get sinceMs(): number | undefined {
    const waiting = [...this.#partitions.values()].filter(({ from, next }) => next > from);
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ sinceMs }) => sinceMs));
  }

  /** The first offset of the partition that is neither in the lake, which ends at `position`, nor held. */
  begin(partition: number, position: number): number {
    const held = this.#partitions.get(partition);
    if (held !== undefined && held.from <= position) {
      this.#moveTo(held, position);
      return held.next;
    }
    // The lake is behind where it was: it was put back to an earlier state, and what is held does not follow on it.
    if (held !== undefined) this.#drop(held, held.rows.length);
    this.#partitions.set(partition, { from: position, next: position, rows: [], sinceMs: 0 });
    return position;
  }

  /**
   * Takes records in, but for those that it or the lake has already.
   *
   * @param rows of one partition, in the order of offsets
   * @returns how many offsets are missing between what is known and the first of them
   */
  add(partition: number, rows: readonly HeldRow[]): number {
    const held = this.#held(partition);
    const fresh = rows.filter(({ offset }) => offset >= held.next);
    const [first] = fresh;
    const last = fresh.at(-1);
    if (first === undefined || last === undefined) return 0;
    // What Kafka had forgotten before the topic was first archived is nothing that this lake lacks.
    const missing = held.next === 0 ? 0 : first.offset - held.next;
    for (const row of fresh) held.rows.push(row);
    this.#rows += fresh.length;
    this.#bytes += bytesOf(fresh);
    advance(held, last.offset + 1);
    return missing;
  }

  /** The record at `offset` has become a dead letter: there is nothing to hold of it. */
  pass(partition: number, offset: number): void {
    const held = this.#held(partition);
    if (offset >= held.next) advance(held, offset + 1);
  }

  /**
   * Leaves out what is in the lake by now.
   *
   * @throws TriplineError `state-conflict` when the lake has lost what it had
   */
  rebase(positions: ReadonlyMap<number, number>): void {
    for (const [partition, held] of this.#partitions) {
      const position = positions.get(partition) ?? 0;
      if (position < held.from) {
        const detail =
          `The lake ends at offset ${position} of partition ${partition}, but had everything before ${held.from}: it ` +
          "was changed by hand. Start the service again to archive what Kafka still holds.";
        throw new TriplineError("state-conflict", detail);
      }
      this.#moveTo(held, position);
    }
  }

  /** All that is held; undefined when that is nothing. */
  snapshot(): Snapshot | undefined {
    const waiting = [...this.#partitions].filter(([, { from, next }]) => next > from).sort(([a], [b]) => a - b);
    if (waiting.length === 0) return undefined;
    return {
      ranges: new Map(waiting.map(([partition, { from, next }]) => [partition, { from, to: next }])),
      rows: waiting.flatMap(([, { rows }]) => rows),
    };
  }

  #held(partition: number): HeldPartition {
    const held = this.#partitions.get(partition);
    // Not `internal`, which makes dead letters of records after a few tries.
    if (held === undefined) throw new TriplineError("state-conflict", `Partition ${partition} has not been begun.`);
    return held;
  }

  #moveTo(held: HeldPartition, position: number): void {
    if (position === held.from) return;
    const first = held.rows.findIndex(({ offset }) => offset >= position);
    this.#drop(held, first < 0 ? held.rows.length : first);
    held.from = position;
    held.next = Math.max(held.next, position);
    // What is left came while the rest was written, so this makes it younger by no more than that took.
    held.sinceMs = performance.now();
  }

  #drop(held: HeldPartition, count: number): void {
    const dropped = held.rows.splice(0, count);
    this.#rows -= dropped.length;
    this.#bytes -= bytesOf(dropped);
  }
}

function advance(held: HeldPartition, next: number): void {
  if (held.next === held.from) held.sinceMs = performance.now();
  held.next = next;
}

function bytesOf(rows: readonly HeldRow[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0);
}
