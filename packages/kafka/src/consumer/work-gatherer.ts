import { setImmediate as nextTurn } from "node:timers/promises";
import { asTriplineError } from "@tripline/contracts/error-table";

export interface GatherOptions<T> {
  /**
   * Does several pieces of work at once, and resolves when all are done. It may have done anything when it rejects, so a
   * piece has to be one that can be done again. With what passes (`retry` in the error table) all of them fail, and those
   * who come again ask to be alone; with anything else, for which one of them may be at fault, each is done again by itself.
   */
  doTogether(pieces: readonly T[]): Promise<void>;
  /** How large a piece is, in the unit of `sizeMax`. */
  sizeOf(piece: T): number;
  /** What is done together at most; a piece that is larger by itself is done alone. */
  readonly sizeMax: number;
  /** How many such rounds may be under way at a time. */
  readonly roundsMax: number;
}

interface Waiting<T> {
  readonly piece: T;
  readonly size: number;
  readonly isAlone: boolean;
  readonly settle: PromiseWithResolvers<void>;
}

/**
 * Does together what comes at about the same time: while rounds are under way the next one gathers. So a busy service
 * makes few and large round trips, and an idle one does not wait. The queue is as long as there are callers, which wait
 * for their pieces.
 */
export class WorkGatherer<T> {
  readonly #options: GatherOptions<T>;
  readonly #waiting: Waiting<T>[] = [];
  #rounds = 0;

  constructor(options: GatherOptions<T>) {
    this.#options = options;
  }

  /**
   * Resolves when this piece is done; rejects with what made this piece fail, and not its neighbours.
   *
   * @param isAlone for a piece that has failed before: what is at fault may be its own, and lasting
   */
  run(piece: T, isAlone = false): Promise<void> {
    const settle = Promise.withResolvers<void>();
    this.#waiting.push({ piece, size: this.#options.sizeOf(piece), isAlone, settle });
    if (this.#rounds < this.#options.roundsMax) {
      this.#rounds += 1;
      void this.#work();
    }
    return settle.promise;
  }

  /** One of the rounds' lives: goes on for as long as something waits. Never rejects. */
  async #work(): Promise<void> {
    // What one fetch brought for several partitions arrives within the same turn.
    await nextTurn();
    for (let round = this.#take(); round.length > 0; round = this.#take()) await this.#do(round);
    this.#rounds -= 1;
  }

  #take(): Waiting<T>[] {
    let size = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      size += waiting.size;
      if (count > 0 && (waiting.isAlone || size > this.#options.sizeMax)) break;
      count += 1;
      if (waiting.isAlone) break;
    }
    return this.#waiting.splice(0, count);
  }

  async #do(round: readonly Waiting<T>[]): Promise<void> {
    try {
      await this.#options.doTogether(round.map(({ piece }) => piece));
      for (const { settle } of round) settle.resolve();
    } catch (error) {
      if (round.length === 1 || asTriplineError(error).row.kafka === "retry") {
        for (const { settle } of round) settle.reject(error);
      } else {
        for (const waiting of round) await this.#do([waiting]);
      }
    }
  }
}
