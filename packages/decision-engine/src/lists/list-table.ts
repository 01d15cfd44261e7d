import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import type { ListEntry, ListHit } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { ListKey } from "@tripline/contracts/lists/list-key";
import type { ListKind } from "@tripline/contracts/lists/list-kinds";
import { isListEffect, isListKind } from "@tripline/contracts/lists/list-kinds";
import { compareHits } from "./compare-hits.js";
import { ListRecords, REASON_BYTES_MAX, TIME_MS_END, VALUE_BYTES_MAX } from "./list-records.js";

/** The values of a payment to look up, by kind; if there are several, each counts. Lists never contain empty text. */
export type ListedValues = Partial<Readonly<Record<ListKind, string | readonly string[]>>>;

/** An entry's place in the hash table. */
interface Place {
  readonly tenant: number;
  readonly kind: ListKind;
  readonly value: string;
}

/** Maximum number of entries considered for one payment; others would not be stricter and would change nothing. */
const HITS_MAX = 16;
const SHORT_BIN_DIGITS = 6;
const SLOTS_MIN = 1 << 10;
const FULL = 0.6;

/**
 * Lists with millions of entries in memory, looked up by a payment's values. An entry is a record of bytes in a hash
 * table with open addressing. A `Map` of objects would take five times the memory, and 0.4 s of every full garbage
 * collection (`node packages/decision-engine/dist/lists/testing/measure-memory.js`).
 */
export class ListTable {
  readonly #records = new ListRecords();
  /** A number for each tenant, which the tenant keeps even when it has no entries. */
  readonly #tenants = new Map<string, number>();
  /** Number of entries of each kind: most tenants list only a few kinds, and the other kinds need no search. */
  readonly #counts = new Uint32Array(LIST_KINDS.length);
  /** Two numbers per slot: the place of its record plus 1, or 0 for an empty slot; and the hash of its value. */
  #slots = new Uint32Array(2 * SLOTS_MIN);
  #mask = SLOTS_MIN - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Adds an entry, or replaces the one with the same key.
   *
   * @returns false for an entry that this version cannot use: its kind or effect is unknown, it is too long, or a time
   *   is invalid
   */
  put(entry: ListEntry): boolean {
    const { list, effect, reason, createdAtMs, expiresAtMs } = entry;
    const place = this.#placeOf(entry);
    if (place === undefined || !isListEffect(effect)) return false;
    if (Buffer.byteLength(place.value) > VALUE_BYTES_MAX || Buffer.byteLength(reason) > REASON_BYTES_MAX) return false;
    if (![createdAtMs, expiresAtMs ?? 0].every((ms) => ms >= 0 && ms < TIME_MS_END)) return false;
    this.remove(entry);
    if (this.#size + 1 > (this.#mask + 1) * FULL) this.#grow();
    const { tenant, kind, value } = place;
    const record = this.#records.add({ tenant, list, kind, effect, value, reason, createdAtMs, expiresAtMs });
    this.#fill(hashOf(tenant, kind, value), record);
    this.#size += 1;
    this.#count(kind, 1);
    return true;
  }

  /** @returns whether the entry existed */
  remove(key: ListKey): boolean {
    const place = this.#placeOf(key);
    if (place === undefined) return false;
    const slot = this.#slotsOf(place.tenant, place.kind, place.value).find((one) =>
      this.#records.isOnList(this.#recordAt(one), key.list),
    );
    if (slot === undefined) return false;
    this.#records.remove(this.#recordAt(slot));
    this.#empty(slot);
    this.#size -= 1;
    this.#count(place.kind, -1);
    return true;
  }

  /**
   * The list entries that match the payment, the strictest first, at most 16. A BIN of 8 digits also matches entries
   * for its first 6 digits.
   *
   * @param atMs time of the decision, in milliseconds since the epoch; entries that have expired by then are ignored
   */
  find(tenantName: string, values: ListedValues, atMs: number): ListHit[] {
    const hits: ListHit[] = [];
    const tenant = this.#tenants.get(tenantName);
    if (tenant === undefined) return hits;
    for (const kind of LIST_KINDS) {
      const value = values[kind];
      if (typeof value === "string") {
        this.#collect(tenant, kind, value, atMs, hits);
        if (kind === "bin" && value.length > SHORT_BIN_DIGITS)
          this.#collect(tenant, kind, value.slice(0, SHORT_BIN_DIGITS), atMs, hits);
      } else if (value !== undefined) {
        for (const [index, one] of value.entries())
          if (value.indexOf(one) === index) this.#collect(tenant, kind, one, atMs, hits);
      }
    }
    return hits.length < 2 ? hits : hits.sort(compareHits).slice(0, HITS_MAX);
  }

  #collect(tenant: number, kind: ListKind, value: string, atMs: number, hits: ListHit[]): void {
    if (value === "" || this.#counts[LIST_KINDS.indexOf(kind)] === 0) return;
    for (const slot of this.#slotsOf(tenant, kind, value)) {
      const hit = this.#records.hit(this.#recordAt(slot));
      if (hit.expiresAtMs === undefined || atMs < hit.expiresAtMs) hits.push(hit);
    }
  }

  /** The slots of a value, one for each list that contains it. */
  #slotsOf(tenant: number, kind: ListKind, value: string): readonly number[] {
    let slots: number[] | undefined;
    const hash = hashOf(tenant, kind, value);
    const [all, mask] = [this.#slots, this.#mask];
    for (let slot = hash & mask; all[2 * slot] !== 0; slot = (slot + 1) & mask) {
      if (all[2 * slot + 1] !== hash || !this.#records.isOf(this.#recordAt(slot), tenant, kind, value)) continue;
      slots ??= [];
      slots.push(slot);
    }
    return slots ?? NOWHERE;
  }

  /** Undefined for a value that cannot be on a list. */
  #placeOf({ tenant, kind, value }: ListKey): Place | undefined {
    if (!isListKind(kind) || value === "") return undefined;
    const number = this.#tenants.get(tenant) ?? this.#tenants.size;
    this.#tenants.set(tenant, number);
    return { tenant: number, kind, value };
  }

  #count(kind: ListKind, change: number): void {
    const place = LIST_KINDS.indexOf(kind);
    this.#counts[place] = (this.#counts[place] ?? 0) + change;
  }

  #recordAt(slot: number): number {
    return (this.#slots[2 * slot] ?? 0) - 1;
  }

  #fill(hash: number, record: number): void {
    const [all, mask] = [this.#slots, this.#mask];
    let slot = hash & mask;
    while (all[2 * slot] !== 0) slot = (slot + 1) & mask;
    all[2 * slot] = record + 1;
    all[2 * slot + 1] = hash;
  }

  /** Moves back entries that had been displaced by this slot's entry, so that a search still finds them. */
  #empty(slot: number): void {
    const [all, mask] = [this.#slots, this.#mask];
    let hole = slot;
    for (let next = (hole + 1) & mask; all[2 * next] !== 0; next = (next + 1) & mask) {
      const hash = all[2 * next + 1] ?? 0;
      // The entry must not be placed before its own slot.
      if (((next - hash) & mask) < ((next - hole) & mask)) continue;
      all.copyWithin(2 * hole, 2 * next, 2 * next + 2);
      hole = next;
    }
    all[2 * hole] = 0;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    this.#mask = old.length - 1;
    for (let at = 0; at < old.length; at += 2) {
      const place = old[at] ?? 0;
      if (place !== 0) this.#fill(old[at + 1] ?? 0, place - 1);
    }
  }
}

const NOWHERE: readonly number[] = [];

/** FNV-1a with the finaliser of MurmurHash3, because the low bits select the slot. 32 bits, unsigned. */
function hashOf(tenant: number, kind: ListKind, value: string): number {
  let hash = 0x811c9dc5 ^ Math.imul(tenant + 1, 0x9e3779b1) ^ LIST_KINDS.indexOf(kind);
  for (let index = 0; index < value.length; index += 1) hash = Math.imul(hash ^ value.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
