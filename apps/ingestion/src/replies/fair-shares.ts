/** How much each tenant has of something that has a limit, so that a tenant that asks for little gets it while another floods. */
export class FairShares {
  readonly #held = new Map<string, number>();
  #sum = 0;

  /** Of all tenants. */
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
   * Whether the limit leaves room for so many more. Beyond the limit a tenant has room up to an equal part of it among the tenants that
   * hold some, as long as the sum is below twice the limit: those who hold more than their part get nothing until it is.
   */
  hasRoom(tenant: string, count: number, limit: number): boolean {
    if (this.#sum + count <= limit) return true;
    if (this.#sum + count > 2 * limit) return false;
    const held = this.#held.get(tenant);
    const tenants = this.#held.size + (held === undefined ? 1 : 0);
    // A tenant that has all of it to itself has no part beyond it.
    return tenants > 1 && (held ?? 0) + count <= limit / tenants;
  }
}
