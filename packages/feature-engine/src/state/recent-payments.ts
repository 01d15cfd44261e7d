import type { IdHash } from "./recent-ids.js";

/** Number of payments whose entities a card remembers. */
export const RECENT_PAYMENTS_MAX = 16;
/** How much older than the newest one a remembered payment may be. */
export const RECENT_PAYMENT_AGE_MS_MAX = 7 * 86_400_000;

interface RecentPayment {
  readonly high: number;
  readonly low: number;
  readonly atMs: number;
  /** UTF-8 of the ids of its entities, separated by line feeds; empty for entities that it does not name. */
  readonly ids: Uint8Array;
}

const SEPARATOR = "\n";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The entities of a card's most recent payments. An update names only its payment, so the card's memory shows which
 * other entities must count it as well.
 */
export class RecentPayments {
  /** In the order in which they were counted. */
  readonly entries: RecentPayment[] = [];

  /**
   * @param ids of the entities to remember, always the same entities in the same order; empty for entities that the
   *   payment does not name
   */
  add({ high, low }: Readonly<IdHash>, atMs: number, ids: readonly string[]): void {
    const { entries } = this;
    const newestMs = entries.reduce((newest, one) => Math.max(newest, one.atMs), atMs);
    const kept = entries.filter((one) => one.atMs > newestMs - RECENT_PAYMENT_AGE_MS_MAX);
    entries.length = 0;
    entries.push(...kept.slice(-RECENT_PAYMENTS_MAX + 1));
    if (atMs <= newestMs - RECENT_PAYMENT_AGE_MS_MAX) return;
    entries.push({ high, low, atMs, ids: encoder.encode(ids.join(SEPARATOR)) });
  }

  /** The ids that were added with a payment; undefined if the payment is not remembered. */
  find({ high, low }: Readonly<IdHash>): string[] | undefined {
    const found = this.entries.find((one) => one.high === high && one.low === low);
    return found && decoder.decode(found.ids).split(SEPARATOR);
  }

  /** Replaces the hash and the entity ids of every payment. */
  rename(named: (payment: Readonly<IdHash>) => Readonly<IdHash> & { readonly ids: readonly string[] }): void {
    const renamed = this.entries.map((entry) => {
      const { high, low, ids } = named(entry);
      return { high, low, atMs: entry.atMs, ids: encoder.encode(ids.join(SEPARATOR)) };
    });
    this.entries.splice(0, Infinity, ...renamed);
  }

  clear(): void {
    this.entries.length = 0;
  }
}
