import type { EventBlock } from "./event-block.js";

export interface GroupOptions {
  /** Place of the entity in the spec. */
  readonly entity: number;
  /** By number of an entity: its number among those that are folded here, -1 for others. */
  readonly localOf: Int32Array;
  /** How many are folded here. */
  readonly locals: number;
  /** Place of the partners' entity in the spec and the hashes of their ids by number, where partners are kept. */
  readonly partners: { readonly entity: number; readonly hashes: Uint32Array } | undefined;
  /** Whether the places of payments matter. */
  readonly places: boolean;
  readonly recentIds: boolean;
  /** Whether the entity has a run of frauds, or explains frauds of others. */
  readonly labelDetails: boolean;
}

/** The payments of one block, those of an entity in a row and in order of time. */
export class GroupedPayments {
  /** By local number: place of its first payment; the next one's is the end. */
  readonly starts: Int32Array;
  /** Rows of the payments in their block. */
  rows = new Int32Array(0);
  atMs = new Float64Array(0);
  thousandths = new Float64Array(0);
  partnerHashes = new Float64Array(0);
  latitudes = new Float64Array(0);
  longitudes = new Float64Array(0);
  references = new Float64Array(0);
  private readonly next: Int32Array;

  constructor(private readonly options: GroupOptions) {
    this.starts = new Int32Array(options.locals + 1);
    this.next = new Int32Array(options.locals);
  }

  /** Takes the payments of another block. @returns how many are folded here */
  group({ payments }: EventBlock): number {
    const { entity, localOf, partners, places, recentIds } = this.options;
    const numbers = payments.numbers[entity];
    if (numbers === undefined) return 0;
    const found = findPlaces(numbers, payments.length, localOf, this.starts, this.next);
    if (found > this.rows.length) this.#grow(found);
    const { next, rows, atMs, thousandths } = this;
    for (let row = 0; row < payments.length; row += 1) {
      const number = numbers[row] ?? -1;
      const local = number < 0 ? -1 : (localOf[number] ?? -1);
      if (local < 0) continue;
      const at = next[local] ?? 0;
      next[local] = at + 1;
      rows[at] = row;
      atMs[at] = payments.atMs[row] ?? 0;
      thousandths[at] = payments.thousandths[row] ?? 0;
    }
    if (partners !== undefined) this.#findPartners(payments.numbers[partners.entity], partners.hashes, found);
    if (places) {
      this.#pick(payments.latitudes, this.latitudes, found);
      this.#pick(payments.longitudes, this.longitudes, found);
    }
    if (recentIds) {
      for (let at = 0; at < found; at += 1) this.references[at] = payments.firstReference + (rows[at] ?? 0) * 2;
    }
    return found;
  }

  #findPartners(numbers: Int32Array | undefined, hashes: Uint32Array, found: number): void {
    for (let at = 0; at < found; at += 1) {
      const partner = numbers?.[this.rows[at] ?? 0] ?? -1;
      this.partnerHashes[at] = partner < 0 ? 0 : (hashes[partner] ?? 0);
    }
  }

  #pick(from: Float64Array, into: Float64Array, found: number): void {
    for (let at = 0; at < found; at += 1) into[at] = from[this.rows[at] ?? 0] ?? Number.NaN;
  }

  #grow(found: number): void {
    const { partners, places, recentIds } = this.options;
    const length = roomFor(found);
    const column = (needed: boolean) => new Float64Array(needed ? length : 0);
    this.rows = new Int32Array(length);
    this.atMs = column(true);
    this.thousandths = column(true);
    this.partnerHashes = column(partners !== undefined);
    this.latitudes = column(places);
    this.longitudes = column(places);
    this.references = column(recentIds);
  }
}

/** The labels of one block, those of an entity in a row and in order of time. */
export class GroupedLabels {
  readonly starts: Int32Array;
  atMs = new Float64Array(0);
  /** 1 for a fraud, 0 for a genuine payment. */
  frauds = new Float64Array(0);
  references = new Float64Array(0);
  occurredAtMs = new Float64Array(0);
  /** Rows of the labels in their block. */
  rows = new Int32Array(0);
  private readonly next: Int32Array;

  constructor(private readonly options: GroupOptions) {
    this.starts = new Int32Array(options.locals + 1);
    this.next = new Int32Array(options.locals);
  }

  /** Takes the labels of another block. @returns how many are folded here */
  group({ labels }: EventBlock): number {
    const { entity, localOf, recentIds, labelDetails } = this.options;
    const numbers = labels.numbers[entity];
    if (numbers === undefined) return 0;
    const found = findPlaces(numbers, labels.length, localOf, this.starts, this.next);
    if (found > this.atMs.length) {
      const length = roomFor(found);
      this.atMs = new Float64Array(length);
      this.frauds = new Float64Array(length);
      this.references = new Float64Array(recentIds ? length : 0);
      this.occurredAtMs = new Float64Array(labelDetails ? length : 0);
      this.rows = new Int32Array(labelDetails ? length : 0);
    }
    const { next, atMs, frauds, references, occurredAtMs, rows } = this;
    for (let label = 0; label < labels.length; label += 1) {
      const number = numbers[label] ?? -1;
      const local = number < 0 ? -1 : (localOf[number] ?? -1);
      if (local < 0) continue;
      const at = next[local] ?? 0;
      next[local] = at + 1;
      atMs[at] = labels.atMs[label] ?? 0;
      frauds[at] = labels.frauds[label] ?? 0;
      if (recentIds) references[at] = labels.references[label] ?? 0;
      if (!labelDetails) continue;
      occurredAtMs[at] = labels.occurredAtMs[label] ?? 0;
      rows[at] = label;
    }
    return found;
  }
}

/** Some room more, so that blocks of nearly the same size do not each ask for memory. */
export function roomFor(events: number): number {
  return Math.ceil(events * 1.25);
}

/**
 * Counts the events of each entity and gives each its places in a row: `starts`, and a copy to count on in `next`.
 *
 * @returns how many events are folded here
 */
function findPlaces(
  numbers: Int32Array,
  length: number,
  localOf: Int32Array,
  starts: Int32Array,
  next: Int32Array,
): number {
  next.fill(0);
  for (let at = 0; at < length; at += 1) {
    const number = numbers[at] ?? -1;
    const local = number < 0 ? -1 : (localOf[number] ?? -1);
    if (local >= 0) next[local] = (next[local] ?? 0) + 1;
  }
  let start = 0;
  for (let local = 0; local < next.length; local += 1) {
    starts[local] = start;
    start += next[local] ?? 0;
    next[local] = starts[local] ?? 0;
  }
  starts[next.length] = start;
  return start;
}
