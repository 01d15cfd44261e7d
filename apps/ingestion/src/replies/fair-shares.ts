/**
 * Usage of a limited resource by tenant. A tenant with little usage gets its share even if another one floods the
 * service.
 */
export class FairShares {
  readonly #held = new Map<string, number>();
  #sum = 0;

  /** The total usage of all tenants. */
  get sum(): number {
    return this.#sum;
  }

  add(tenant: string, count: number): void {
    const held = (this.#held.get(tenant) ?? 0) + count;
    this.#sum += count;
    if (held > 0) this.#held.set(tenant, held);
    else this.#held.delete(tenant);
  }

  /**
   * Whether a tenant may use this many more. Above the limit, and up to twice the limit, only tenants below an equal
   * share may do so. An equal share is the limit divided by the number of tenants with usage.
   */
  hasRoom(tenant: string, count: number, limit: number): boolean {
    if (this.#sum + count <= limit) return true;
    if (this.#sum + count > 2 * limit) return false;
    const held = this.#held.get(tenant);
    const tenants = this.#held.size + (held === undefined ? 1 : 0);
    // A single tenant gets no share above the limit.
    return tenants > 1 && (held ?? 0) + count <= limit / tenants;
  }
}
