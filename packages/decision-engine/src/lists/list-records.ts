import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import type { ListHit } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { ListEffect, ListKind } from "@tripline/contracts/lists/list-kinds";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";

export interface ListRecord {
  readonly tenant: number;
  readonly list: string;
  readonly kind: ListKind;
  readonly effect: ListEffect;
  readonly value: string;
  readonly reason: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
}

/** Records never cross the end of a chunk, so growing requires no copying. */
const CHUNK_BYTES = 1 << 20;
const UNIT_BYTES = 4;
const CHUNK_UNITS = CHUNK_BYTES / UNIT_BYTES;

/**
 * Field offsets of a record; the value and the reason follow. A token is stored as its 16 bytes. Times are milliseconds
 * in 6 bytes, until the year 10,889; `NEVER` means that the entry does not expire.
 */
const AT = {
  tenant: 0,
  list: 4,
  reasonBytes: 8,
  valueBytes: 10,
  kind: 11,
  effect: 12,
  isToken: 13,
  created: 14,
  expires: 20,
};
const HEAD_BYTES = 26;
const TIME_BYTES = 6;
const NEVER = 2 ** (8 * TIME_BYTES) - 1;

const TOKEN = /^[a-z]{2}_[0-9a-f]{32}$/;
const TOKEN_PREFIX = 3;
const TOKEN_BYTES = 16;

/** Timestamps in records must be below this. */
export const TIME_MS_END = NEVER;
export const VALUE_BYTES_MAX = 255;
export const REASON_BYTES_MAX = 4_000;

/** List entries as bytes outside V8's heap. The space of a removed record is reused for one of the same size. */
export class ListRecords {
  readonly #chunks: Buffer[] = [];
  /** Used units of the last chunk. */
  #used = CHUNK_UNITS;
  /** Free places, by their size in units. */
  readonly #free = new Map<number, number[]>();
  readonly #lists: string[] = [];
  readonly #idOfList = new Map<string, number>();

  /** @returns its place, in units of 4 bytes */
  add(record: ListRecord): number {
    const isToken = TOKEN.test(record.value);
    const reasonBytes = Buffer.byteLength(record.reason);
    const valueBytes = isToken ? TOKEN_BYTES : Buffer.byteLength(record.value);
    const place = this.#allocate(unitsOf(valueBytes, reasonBytes));
    const [chunk, at] = this.#locate(place);
    chunk.writeUInt32LE(record.tenant, at + AT.tenant);
    chunk.writeUInt32LE(this.#listId(record.list), at + AT.list);
    chunk.writeUInt16LE(reasonBytes, at + AT.reasonBytes);
    chunk.writeUInt8(valueBytes, at + AT.valueBytes);
    chunk.writeUInt8(LIST_KINDS.indexOf(record.kind), at + AT.kind);
    chunk.writeUInt8(LIST_EFFECTS.indexOf(record.effect), at + AT.effect);
    chunk.writeUInt8(Number(isToken), at + AT.isToken);
    chunk.writeUIntLE(record.createdAtMs, at + AT.created, TIME_BYTES);
    chunk.writeUIntLE(record.expiresAtMs ?? NEVER, at + AT.expires, TIME_BYTES);
    if (isToken) chunk.write(record.value.slice(TOKEN_PREFIX), at + HEAD_BYTES, "hex");
    else chunk.write(record.value, at + HEAD_BYTES);
    chunk.write(record.reason, at + HEAD_BYTES + valueBytes);
    return place;
  }

  remove(place: number): void {
    const [chunk, at] = this.#locate(place);
    const units = unitsOf(chunk.readUInt8(at + AT.valueBytes), chunk.readUInt16LE(at + AT.reasonBytes));
    const free = this.#free.get(units);
    if (free === undefined) this.#free.set(units, [place]);
    else free.push(place);
  }

  isOf(place: number, tenant: number, kind: ListKind, value: string): boolean {
    const [chunk, at] = this.#locate(place);
    if (chunk.readUInt32LE(at + AT.tenant) !== tenant) return false;
    if (LIST_KINDS[chunk.readUInt8(at + AT.kind)] !== kind) return false;
    const from = at + HEAD_BYTES;
    const to = from + chunk.readUInt8(at + AT.valueBytes);
    if (chunk.readUInt8(at + AT.isToken) === 0) return chunk.toString("utf8", from, to) === value;
    // The kind determines the prefix of the digits.
    return TOKEN.test(value) && chunk.toString("hex", from, to) === value.slice(TOKEN_PREFIX);
  }

  isOnList(place: number, list: string): boolean {
    const [chunk, at] = this.#locate(place);
    return this.#lists[chunk.readUInt32LE(at + AT.list)] === list;
  }

  hit(place: number): ListHit {
    const [chunk, at] = this.#locate(place);
    const reasonAt = at + HEAD_BYTES + chunk.readUInt8(at + AT.valueBytes);
    const expiresAtMs = chunk.readUIntLE(at + AT.expires, TIME_BYTES);
    return {
      list: this.#lists[chunk.readUInt32LE(at + AT.list)] ?? "",
      kind: LIST_KINDS[chunk.readUInt8(at + AT.kind)] ?? "",
      effect: LIST_EFFECTS[chunk.readUInt8(at + AT.effect)] ?? "",
      reason: chunk.toString("utf8", reasonAt, reasonAt + chunk.readUInt16LE(at + AT.reasonBytes)),
      createdAtMs: chunk.readUIntLE(at + AT.created, TIME_BYTES),
      ...(expiresAtMs === NEVER ? {} : { expiresAtMs }),
    };
  }

  #allocate(units: number): number {
    const free = this.#free.get(units)?.pop();
    if (free !== undefined) return free;
    if (this.#used + units > CHUNK_UNITS) {
      this.#chunks.push(Buffer.alloc(CHUNK_BYTES));
      this.#used = 0;
    }
    const place = (this.#chunks.length - 1) * CHUNK_UNITS + this.#used;
    this.#used += units;
    return place;
  }

  #locate(place: number): [Buffer, number] {
    const chunk = this.#chunks[Math.floor(place / CHUNK_UNITS)];
    if (chunk === undefined) throw new RangeError(`No record found at ${place}.`);
    return [chunk, (place % CHUNK_UNITS) * UNIT_BYTES];
  }

  #listId(list: string): number {
    const known = this.#idOfList.get(list);
    if (known !== undefined) return known;
    const id = this.#lists.push(list) - 1;
    this.#idOfList.set(list, id);
    return id;
  }
}

function unitsOf(valueBytes: number, reasonBytes: number): number {
  return Math.ceil((HEAD_BYTES + valueBytes + reasonBytes) / UNIT_BYTES);
}
