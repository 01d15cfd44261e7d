import { setImmediate as nextTurn } from "node:timers/promises";
import { asTriplineError } from "@tripline/contracts/error-table";
import { Unfinished } from "./unfinished.js";

export interface GatherOptions<T> {
  /**
   * Processes several items at once, and resolves when all are done. If it rejects, part of the work may have been
   * done, so items must be idempotent. After a temporary error (`retry` in the error table), all items fail, and
   * callers retry them alone. After any other error, each item is retried separately, because a single item may be the
   * cause. If it resolves with `Unfinished`, the next round may start, and the items are done when that has finished.
   */
  doTogether(pieces: readonly T[]): Promise<void> | Promise<Unfinished>;
  /** Size of an item, in the unit of `sizeMax`. */
  sizeOf(piece: T): number;
  /** Maximum total size per round; a larger single item is processed alone. */
  readonly sizeMax: number;
  /** Maximum number of concurrent rounds, not counting unfinished ones. */
  readonly roundsMax: number;
}

interface Waiting<T> {
  readonly piece: T;
  readonly size: number;
  readonly isAlone: boolean;
  readonly settle: PromiseWithResolvers<void>;
}

/**
 * Batches items that arrive while earlier rounds are running, so that a busy service makes few large round trips, and
 * an idle service does not wait. The queue has at most one item per caller, because callers wait for their items.
 */
export class WorkGatherer<T> {
  readonly #options: GatherOptions<T>;
  readonly #waiting: Waiting<T>[] = [];
  #rounds = 0;

  constructor(options: GatherOptions<T>) {
    this.#options = options;
  }

  /**
   * Resolves when this item is done; rejects only with the error of this item.
   *
   * @param isAlone for an item that failed before and may be the cause
   */
  run(piece: T, isAlone = false): Promise<void> {
    const settle = Promise.withResolvers<void>();
    this.#waiting.push({ piece, size: this.#options.sizeOf(piece), isAlone, settle });
    this.#start();
    return settle.promise;
  }

  #start(): void {
    if (this.#rounds >= this.#options.roundsMax) return;
    this.#rounds += 1;
    void this.#work();
  }

  /** One of the concurrent rounds: continues as long as items are waiting. Never rejects. */
  async #work(): Promise<void> {
    // Batches of several partitions from the same fetch arrive in the same turn of the event loop.
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

  /** Resolves when the next round may start. Never rejects. */
  async #do(round: readonly Waiting<T>[]): Promise<void> {
    try {
      const result = await this.#options.doTogether(round.map(({ piece }) => piece));
      const finished = result instanceof Unfinished ? result.finished : Promise.resolve();
      void finished.then(
        () => {
          for (const { settle } of round) settle.resolve();
        },
        (error: unknown) => this.#fail(round, error),
      );
    } catch (error) {
      this.#fail(round, error);
    }
  }

  #fail(round: readonly Waiting<T>[], error: unknown): void {
    if (round.length === 1 || asTriplineError(error).row.kafka === "retry") {
      for (const { settle } of round) settle.reject(error);
      return;
    }
    this.#waiting.unshift(...round.map((waiting) => ({ ...waiting, isAlone: true })));
    this.#start();
  }
}
