import { setTimeout as sleep } from "node:timers/promises";
import type { TriplineError } from "@tripline/contracts/error-table";

export interface SlotLimits {
  /** Maximum number of concurrent calls per tenant, so that a slow provider does not block other tenants. */
  readonly perTenantMax: number;
  /** Maximum number of concurrent calls of all tenants, so that slow providers do not occupy all connections. */
  readonly allMax: number;
  /** How long a call waits for a slot. */
  readonly waitMsMax: number;
}

const POLL_MS = 50;
/** Maximum number of calls that wait for a slot. */
const WAITING_MAX = 64;

/** Limits concurrent calls. */
export class Slots {
  readonly #busy = new Map<string, number>();
  #waiting = 0;

  /** @param refusal creates the error for a call that gets no slot */
  constructor(
    private readonly limits: SlotLimits,
    private readonly refusal: () => TriplineError,
  ) {}

  /** @throws TriplineError the refusal if no slot becomes free in time; errors of the call */
  async use<T>(tenant: string, call: () => Promise<T>): Promise<T> {
    await this.#take(tenant);
    try {
      return await call();
    } finally {
      const left = this.#of(tenant) - 1;
      if (left > 0) this.#busy.set(tenant, left);
      else this.#busy.delete(tenant);
    }
  }

  async #take(tenant: string): Promise<void> {
    const deadlineMs = performance.now() + this.limits.waitMsMax;
    while (!this.#hasRoom(tenant)) {
      if (this.#waiting >= WAITING_MAX || performance.now() >= deadlineMs) throw this.refusal();
      this.#waiting += 1;
      await sleep(POLL_MS);
      this.#waiting -= 1;
    }
    // The slot is taken synchronously after the check, so that no other call can take the slot in between.
    this.#busy.set(tenant, this.#of(tenant) + 1);
  }

  #hasRoom(tenant: string): boolean {
    const all = [...this.#busy.values()].reduce((sum, one) => sum + one, 0);
    return this.#of(tenant) < this.limits.perTenantMax && all < this.limits.allMax;
  }

  #of(tenant: string): number {
    return this.#busy.get(tenant) ?? 0;
  }
}
