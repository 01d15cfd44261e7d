/** The fields of a record that the queue needs. */
interface Queued {
  readonly offset: number;
  readonly value: Uint8Array;
}

/** The result of fetching one partition. */
export interface Fetched<R extends Queued> {
  /** The offset from which records were fetched, if known. */
  readonly askedFrom: number;
  /** The offset after the last fetched record, including control records. */
  readonly nextOffset: number;
  /** The offset that the partition's next record will get. */
  readonly endOffset: number;
  readonly records: readonly R[];
}

/**
 * A client has one pending fetch per broker, so while a leader moves, at most two can include the partition. If there
 * are more rejections than this, the gap is real, for example because retention has deleted the records in between.
 */
const GAPS_REFUSED_MAX = 3;

/**
 * Records of one partition that are waiting to be handled, in order and without duplicates. A client may deliver a
 * response to an outdated request, for example from before a rebalance. The queue drops repeated records. It rejects a
 * response that would skip records, so that the client fetches again from the end of this queue.
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

  /** Adds the records of a fetch, without duplicates. @returns false if the fetch was rejected */
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

  /**
   * Whether the log ends before the current position, which means that the topic was recreated and its offsets were
   * reused.
   */
  isMadeAnew({ endOffset }: Fetched<R>): boolean {
    return this.#position !== undefined && endOffset < this.#position;
  }

  /** Drops the waiting records and continues at `offset`. */
  startAt(offset: number): void {
    this.#clear();
    this.#position = offset;
    this.#gapsRefused = 0;
  }

  /** Drops records that an earlier assignment has handled. */
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
