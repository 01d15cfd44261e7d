/** The part of a record that the queue reads. */
interface Queued {
  readonly offset: number;
  readonly value: Uint8Array;
}

/** What a fetch of one partition brought. */
export interface Fetched<R extends Queued> {
  /** The offset from which records were fetched, if known. */
  readonly askedFrom: number;
  /** The offset that follows the last one fetched, control records included. */
  readonly nextOffset: number;
  /** The offset that the partition's next record will get. */
  readonly endOffset: number;
  readonly records: readonly R[];
}

/**
 * kafkajs has one fetch per broker under way, so at most two that know a partition while its leader moves. Past that a
 * gap is real and not a late answer, for instance because retention deleted the records in between.
 */
const GAPS_REFUSED_MAX = 3;

/**
 * Records of one partition that wait to be handled, in order and each once. kafkajs may deliver a fetch that was asked
 * before a rebalance or before an earlier answer was taken in: what such a late answer repeats is left out, and one that
 * would skip records is refused, so that kafkajs asks again from where this queue ends.
 */
export class PartitionQueue<R extends Queued> {
  #records: R[] = [];
  #bytes = 0;
  #position: number | undefined;
  #gapsRefused = 0;

  /** @param handledTo the offset up to which records were handled under earlier assignments, where there was one */
  constructor(handledTo: number | undefined) {
    this.#position = handledTo;
  }

  get size(): number {
    return this.#records.length;
  }

  /** Bytes of the values that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the fetch was taken in, as a whole or but for repeated records. */
  accept(fetched: Fetched<R>): boolean {
    const { askedFrom, nextOffset, records } = fetched;
    if (this.isMadeAnew(fetched)) {
      this.#position = undefined;
      this.#clear();
    }
    if (this.#position !== undefined && askedFrom > this.#position && this.#gapsRefused < GAPS_REFUSED_MAX) {
      this.#gapsRefused += 1;
      return false;
    }
    this.#gapsRefused = 0;
    const position = this.#position ?? askedFrom;
    for (const record of records) {
      if (record.offset < position) continue;
      this.#records.push(record);
      this.#bytes += record.value.length;
    }
    this.#position = Math.max(position, nextOffset);
    return true;
  }

  /** Whether the log is shorter than what came from it: it was created again, and its offsets mean other records. */
  isMadeAnew({ endOffset }: Fetched<R>): boolean {
    return this.#position !== undefined && endOffset < this.#position;
  }

  /** Drops the waiting records and goes on at `offset`. */
  startAt(offset: number): void {
    this.#clear();
    this.#position = offset;
    this.#gapsRefused = 0;
  }

  /** Leaves out what was handled meanwhile, under an earlier assignment. */
  skipTo(handledTo: number): void {
    const first = this.#records.findIndex(({ offset }) => offset >= handledTo);
    this.take(first < 0 ? this.#records.length : first);
  }

  take(recordsMax: number): readonly R[] {
    const taken = this.#records.splice(0, recordsMax);
    for (const { value } of taken) this.#bytes -= value.length;
    return taken;
  }

  #clear(): void {
    this.#records = [];
    this.#bytes = 0;
  }
}
