/** The fields of a record that the queue reads. */
interface Queued {
  readonly offset: number;
  readonly value: Uint8Array;
}

/** The result of fetching one partition. */
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
 * kafkajs has one pending fetch per broker, so at most two of them can include a partition while its leader moves.
 * Beyond that, a gap is real and not a late response, for example because retention deleted the records in between.
 */
const GAPS_REFUSED_MAX = 3;

/**
 * Records of one partition that are waiting to be handled, in order and without duplicates. kafkajs may deliver a fetch
 * that was requested before a rebalance or before an earlier response was accepted: repeated records are dropped, and a
 * response that would skip records is rejected, so that kafkajs fetches again from the end of this queue.
 */
export class PartitionQueue<R extends Queued> {
  #records: R[] = [];
  #bytes = 0;
  #position: number | undefined;
  #gapsRefused = 0;

  /** @param handledTo the offset up to which earlier assignments handled records, if there were any */
  constructor(handledTo: number | undefined) {
    this.#position = handledTo;
  }

  get size(): number {
    return this.#records.length;
  }

  /** Total size of the waiting values, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Accepts a fetch, without its duplicate records. @returns false if the fetch was rejected */
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

  /** Whether the log is shorter than what was already read: the topic was recreated, and its offsets mean other records. */
  isMadeAnew({ endOffset }: Fetched<R>): boolean {
    return this.#position !== undefined && endOffset < this.#position;
  }

  /** Drops the waiting records and continues at `offset`. */
  startAt(offset: number): void {
    this.#clear();
    this.#position = offset;
    this.#gapsRefused = 0;
  }

  /** Drops records that an earlier assignment has handled in the meantime. */
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
