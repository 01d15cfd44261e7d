import { TriplineError } from "@tripline/contracts/error-table";

/** Maximum waiting jobs per tenant, which also limits the memory for its texts. */
const WAITING_PER_TENANT_MAX = 8;
const WAITING_MAX = 64;

interface Waiting {
  readonly start: () => void;
}

/**
 * Runs a limited number of jobs at a time. Tenants take turns. If there is more than one slot, one tenant never
 * occupies all of them, so that its work does not delay other tenants.
 */
export class FairQueue {
  readonly #placesPerTenant: number;
  readonly #running = new Map<string, number>();
  /** Tenants in the order of their turns. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** @param waitMs how long work may wait for a slot */
  constructor(
    private readonly places: number,
    private readonly waitMs: number,
  ) {
    this.#placesPerTenant = Math.max(1, places - 1);
  }

  get waiting(): number {
    return sum(Array.from(this.#waiting.values(), (ofTenant) => ofTenant.length));
  }

  /**
   * @param onBusy called before the error is thrown
   * @throws TriplineError `policy-checks-busy` if the queue is full, or the wait is too long
   */
  async run<Result>(tenant: string, work: () => Promise<Result>, onBusy = (): void => {}): Promise<Result> {
    if (this.#mayRun(tenant)) {
      this.#take(tenant);
    } else if (!(await this.#hasPlace(tenant))) {
      onBusy();
      const detail = "Too many policies are waiting to be checked. Try again later.";
      throw new TriplineError("policy-checks-busy", detail);
    }
    try {
      return await work();
    } finally {
      this.#leave(tenant);
    }
  }

  #mayRun(tenant: string): boolean {
    return sum(this.#running.values()) < this.places && (this.#running.get(tenant) ?? 0) < this.#placesPerTenant;
  }

  #take(tenant: string): void {
    this.#running.set(tenant, (this.#running.get(tenant) ?? 0) + 1);
  }

  /** Resolves to true when it gets a slot, and to false if the queue is full or the wait was too long. */
  #hasPlace(tenant: string): Promise<boolean> {
    const ofTenant = this.#waiting.get(tenant) ?? [];
    if (ofTenant.length >= WAITING_PER_TENANT_MAX || this.waiting >= WAITING_MAX) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#forget(tenant, one);
        resolve(false);
      }, this.waitMs);
      const one: Waiting = {
        start: () => {
          clearTimeout(timer);
          resolve(true);
        },
      };
      this.#waiting.set(tenant, [...ofTenant, one]);
    });
  }

  #leave(tenant: string): void {
    const left = (this.#running.get(tenant) ?? 1) - 1;
    if (left === 0) this.#running.delete(tenant);
    else this.#running.set(tenant, left);
    for (const [next, [first, ...rest]] of this.#waiting) {
      if (first === undefined || !this.#mayRun(next)) continue;
      this.#waiting.delete(next);
      // The tenant's next turn comes after those of all other tenants.
      if (rest.length > 0) this.#waiting.set(next, rest);
      this.#take(next);
      first.start();
      return;
    }
  }

  #forget(tenant: string, one: Waiting): void {
    const rest = (this.#waiting.get(tenant) ?? []).filter((other) => other !== one);
    if (rest.length === 0) this.#waiting.delete(tenant);
    else this.#waiting.set(tenant, rest);
  }
}

function sum(counts: Iterable<number>): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
