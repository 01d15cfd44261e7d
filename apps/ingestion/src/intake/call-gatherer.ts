import type { KeyGroups } from "@tripline/contracts/key-groups";
import { handleByGroup } from "@tripline/contracts/key-groups";

/** How long a non-urgent request waits for other requests. */
const LINGER_MS = 5;

/**
 * Combines requests in the same turn of the event loop into one call, because a socket write costs more than the
 * command in it. The callers bound the queue, because each waits for its result.
 */
export class CallGatherer<T, R> {
  #waiting: Waiting<T, R>[] = [];
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param call returns one result per item, in the same order
   * @param itemsMax maximum items per call; a larger request takes several sequential calls
   */
  constructor(
    private readonly call: (items: readonly T[]) => Promise<readonly R[]>,
    private readonly itemsMax: number,
  ) {}

  /**
   * @param isUrgent false if nothing waits for the result; the call may then be delayed by a few milliseconds.
   *   Requests keep their order
   * @throws any error of the call that contains these items
   */
  request(items: readonly T[], isUrgent = true): Promise<R[]> {
    return items.length <= this.itemsMax ? this.#enqueue(items, isUrgent) : this.#requestInParts(items);
  }

  async #requestInParts(items: readonly T[]): Promise<R[]> {
    const results: R[] = [];
    for (let start = 0; start < items.length; start += this.itemsMax) {
      results.push(...(await this.#enqueue(items.slice(start, start + this.itemsMax), true)));
    }
    return results;
  }

  #enqueue(items: readonly T[], isUrgent: boolean): Promise<R[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject });
      // Runs after the sockets have been read, so all requests of this event-loop turn have arrived.
      if (isUrgent) this.#immediate ??= setImmediate(() => this.#flush());
      else this.#timer ??= setTimeout(() => this.#flush(), LINGER_MS);
    });
  }

  #flush(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    let group: Waiting<T, R>[] = [];
    let size = 0;
    for (const one of waiting) {
      if (size + one.items.length > this.itemsMax) {
        void this.#send(group);
        group = [];
        size = 0;
      }
      group.push(one);
      size += one.items.length;
    }
    void this.#send(group);
  }

  /** Never rejects. */
  async #send(group: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.call(group.flatMap(({ items }) => items));
      let from = 0;
      for (const { items, resolve } of group) {
        resolve(results.slice(from, from + items.length));
        from += items.length;
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}

/**
 * A gatherer per group of keys. In a cluster, each group is on one server, and a server that fails or hangs must not
 * fail or delay requests without keys on it. There are as many gatherers as hash tags.
 */
export class GroupGatherer<T, R> {
  readonly #gatherers = new Map<string, CallGatherer<T, R>>();

  /**
   * @param idOf the id that determines an item's group
   * @param call as in `CallGatherer`, for items of one group
   * @param itemsMax as in `CallGatherer`
   */
  constructor(
    private readonly groups: KeyGroups,
    private readonly idOf: (item: T) => string,
    private readonly call: (items: readonly T[]) => Promise<readonly R[]>,
    private readonly itemsMax: number,
  ) {}

  /** Like `CallGatherer.request`. @throws the error of the first call with some of these items that fails */
  request(items: readonly T[], isUrgent = true): Promise<readonly R[]> {
    return handleByGroup(this.groups, items, this.idOf, (some, tag) => this.#gathererOf(tag).request(some, isUrgent));
  }

  #gathererOf(tag: string): CallGatherer<T, R> {
    const known = this.#gatherers.get(tag);
    if (known !== undefined) return known;
    const gatherer = new CallGatherer(this.call, this.itemsMax);
    this.#gatherers.set(tag, gatherer);
    return gatherer;
  }
}

interface Waiting<T, R> {
  readonly items: readonly T[];
  readonly resolve: (results: R[]) => void;
  readonly reject: (error: unknown) => void;
}
