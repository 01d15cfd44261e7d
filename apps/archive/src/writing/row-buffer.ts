import { TriplineError } from "@tripline/contracts/error-table";
import type { HeldRow } from "./read-record.js";

/** Rows of a partition in memory: all records at offsets [from, next), except dead letters and gaps in Kafka. */
interface HeldPartition {
  /** The end of the partition in the lake. */
  from: number;
  next: number;
  rows: HeldRow[];
  /** The time at which `next` first exceeded `from`, by `performance.now()`. */
  sinceMs: number;
}

export interface Snapshot {
  readonly ranges: ReadonlyMap<number, { readonly from: number; readonly to: number }>;
  /** The rows of all partitions, ordered by partition and offset. */
  readonly rows: readonly HeldRow[];
}

/**
 * Records of one topic that are not in the lake yet. A partition's records have no gaps and start where the lake ends,
 * so they stay valid even if another instance takes over the partition: as the lake grows, the oldest are removed.
 */
export class RowBuffer {
  readonly #partitions = new Map<number, HeldPartition>();
  #rows = 0;
  #bytes = 0;

  get rows(): number {
    return this.#rows;
  }

  /** Total size of the values in Kafka. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The time at which the oldest buffered record arrived, by `performance.now()`; undefined if the buffer is empty. */
  get sinceMs(): number | undefined {
    const waiting = [...this.#partitions.values()].filter(({ from, next }) => next > from);
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ sinceMs }) => sinceMs));
  }

  /** The first offset of the partition that is neither buffered nor in the lake, which ends at `position`. */
  begin(partition: number, position: number): number {
    const held = this.#partitions.get(partition);
    if (held !== undefined && held.from <= position) {
      this.#moveTo(held, position);
      return held.next;
    }
    // The lake was restored to an earlier state, so the buffered records leave a gap after its end.
    if (held !== undefined) this.#drop(held, held.rows.length);
    this.#partitions.set(partition, { from: position, next: position, rows: [], sinceMs: 0 });
    return position;
  }

  /**
   * Adds records, except those that the buffer or the lake already has.
   *
   * @param rows of one partition, ordered by offset
   * @returns the number of offsets missing between the last known one and the first row
   */
  add(partition: number, rows: readonly HeldRow[]): number {
    const held = this.#held(partition);
    const fresh = rows.filter(({ offset }) => offset >= held.next);
    const [first] = fresh;
    const last = fresh.at(-1);
    if (first === undefined || last === undefined) return 0;
    // Records that Kafka deleted before the topic was first archived do not count as missing.
    const missing = held.next === 0 ? 0 : first.offset - held.next;
    for (const row of fresh) held.rows.push(row);
    this.#rows += fresh.length;
    this.#bytes += bytesOf(fresh);
    advance(held, last.offset + 1);
    return missing;
  }

  /** The record at `offset` has become a dead letter, so it has no row. */
  pass(partition: number, offset: number): void {
    const held = this.#held(partition);
    if (offset >= held.next) advance(held, offset + 1);
  }

  /**
   * Removes rows that are now in the lake.
   *
   * @throws TriplineError `state-conflict` if the lake has lost rows
   */
  rebase(positions: ReadonlyMap<number, number>): void {
    for (const [partition, held] of this.#partitions) {
      const position = positions.get(partition) ?? 0;
      if (position < held.from) {
        const detail =
          `The lake now ends at offset ${position} of partition ${partition}, but it used to contain every record before offset ` +
          `${held.from}: the lake was changed manually. Restart the service to archive the records that Kafka still has.`;
        throw new TriplineError("state-conflict", detail);
      }
      this.#moveTo(held, position);
    }
  }

  /** All buffered rows; undefined if there are none. */
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
    // The code is not `internal`, because that would turn records into dead letters after a few tries.
    if (held === undefined) throw new TriplineError("state-conflict", `Partition ${partition} has not been started.`);
    return held;
  }

  #moveTo(held: HeldPartition, position: number): void {
    if (position === held.from) return;
    const first = held.rows.findIndex(({ offset }) => offset >= position);
    this.#drop(held, first < 0 ? held.rows.length : first);
    held.from = position;
    held.next = Math.max(held.next, position);
    // The remaining rows arrived during the write, so their age is understated by at most its duration.
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
