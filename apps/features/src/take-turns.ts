/**
 * Runs pieces of work one after the other. Batches of different partitions share terminals: taking turns inside one
 * process spares them the conflicts that only batches of other processes have to be checked for. The queue is as long
 * as there are batches at work, which the consumer bounds by its partitions.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
