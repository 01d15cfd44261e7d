const MS_PER_S = 1_000;
const TENANTS_MAX = 10_000;

/** Limits the deliveries per second that this instance sends for each tenant. */
export class TenantRate {
  readonly #used = new Map<string, { second: number; count: number }>();

  /** @param perSecond 0 for no limit */
  constructor(
    private readonly perSecond: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** @returns how many of the wanted deliveries may be sent in this second */
  take(tenant: string, wanted: number): number {
    if (this.perSecond === 0) return wanted;
    const used = this.#of(tenant);
    const taken = Math.max(0, Math.min(wanted, this.perSecond - used.count));
    used.count += taken;
    return taken;
  }

  /** Gives back the deliveries that were taken but not used. */
  giveBack(tenant: string, unused: number): void {
    const used = this.#of(tenant);
    used.count = Math.max(0, used.count - unused);
  }

  #of(tenant: string) {
    const second = Math.floor(this.now() / MS_PER_S);
    const known = this.#used.get(tenant);
    if (known?.second === second) return known;
    if (this.#used.size >= TENANTS_MAX) this.#used.clear();
    const used = { second, count: 0 };
    this.#used.set(tenant, used);
    return used;
  }
}
