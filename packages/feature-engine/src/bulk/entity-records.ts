import type { EntityPlan } from "../plan-entities.js";
import type { EntityState, StreamState } from "../state/entity-state.js";
import { emptyState, NEVER_MS } from "../state/entity-state.js";
import type { PartnerTable } from "../state/partner-table.js";
import { PARTNER_STRIDE, pushPartner } from "../state/partner-table.js";
import type { IdHash } from "../state/recent-ids.js";
import { RECENT_IDS_MAX } from "../state/recent-ids.js";
import type { TileRing } from "../state/tile-ring.js";
import { pushTile, TILE_STRIDE } from "../state/tile-ring.js";
import type { RecordLayout, RingLayout } from "./record-layout.js";
import {
  FIRST_FRAUD,
  HOME,
  LAST_PLACE,
  layOutRecord,
  NEWEST_LABEL,
  NEWEST_PAYMENT,
  RUN,
  SEQUENCE,
  USUAL,
} from "./record-layout.js";

/** Records per slab: memory grows by so many at a time. */
const SLAB_RECORDS = 256;
/** References are whole numbers below 2^53, kept as two words where a state keeps the hash of an id. */
const WORD = 2 ** 32;

/** Some records in a row. */
export interface Slab {
  readonly cells: Float64Array;
  readonly marks: Int32Array;
}

/** The hash of the id of an event that was counted under a reference. */
export type IdOfReference = (reference: number) => Readonly<IdHash>;

/** References as if they were hashes: for states that only this program reads again, with `restore`. */
export function wordsOf(reference: number): IdHash {
  return { high: Math.floor(reference / WORD), low: reference % WORD };
}

/** Window states of the entities of one kind, by number from 0, as records. */
export class EntityRecords {
  readonly layout: RecordLayout;
  private readonly slabs: (Slab | undefined)[] = [];
  private readonly fresh: Float64Array;

  constructor(private readonly plan: EntityPlan) {
    this.layout = layOutRecord(plan);
    this.fresh = new Float64Array(this.layout.cells);
    this.fresh[NEWEST_PAYMENT] = NEVER_MS;
    this.fresh[NEWEST_LABEL] = NEVER_MS;
    this.fresh[FIRST_FRAUD] = NEVER_MS;
    this.fresh.fill(NEVER_MS, RUN, RUN + 2);
  }

  /** The slab that holds an entity's record. Made, with empty states, when it is asked for first. */
  slabOf(number: number): Slab {
    const index = Math.floor(number / SLAB_RECORDS);
    const known = this.slabs[index];
    if (known !== undefined) return known;
    const { cells, marks } = this.layout;
    const slab = { cells: new Float64Array(SLAB_RECORDS * cells), marks: new Int32Array(SLAB_RECORDS * marks) };
    for (let record = 0; record < SLAB_RECORDS; record += 1) slab.cells.set(this.fresh, record * cells);
    this.slabs[index] = slab;
    return slab;
  }

  /** Where in its slab an entity's record starts. */
  cellOf(number: number): number {
    return (number % SLAB_RECORDS) * this.layout.cells;
  }

  markOf(number: number): number {
    return (number % SLAB_RECORDS) * this.layout.marks;
  }

  /** The state that the online engine would have. */
  stateOf(number: number, idOf: IdOfReference): EntityState {
    const slab = this.slabOf(number);
    const base = { cell: this.cellOf(number), mark: this.markOf(number) };
    const at = (place: number): number => slab.cells[base.cell + place] ?? 0;
    const state = emptyState(this.plan);
    state.sequence = at(SEQUENCE);
    state.payments.newestMs = at(NEWEST_PAYMENT);
    state.labels.newestMs = at(NEWEST_LABEL);
    state.firstFraudMs = at(FIRST_FRAUD);
    if (state.home !== undefined) {
      Object.assign(state.home, { count: at(HOME), x: at(HOME + 1), y: at(HOME + 2), z: at(HOME + 3) });
    }
    if (state.lastPlace !== undefined) {
      Object.assign(state.lastPlace, { north: at(LAST_PLACE), east: at(LAST_PLACE + 1) });
    }
    if (state.run !== undefined) {
      Object.assign(state.run, { genuineMs: at(RUN), beganMs: at(RUN + 1), count: at(RUN + 2) });
    }
    if (state.usual !== undefined) {
      const used = slab.marks[base.mark + this.layout.unusualMark] ?? 0;
      Object.assign(state.usual, { count: at(USUAL), sum: at(USUAL + 1), used });
      const from = base.cell + this.layout.unusualCell;
      state.usual.rows.set(slab.cells.subarray(from, from + used));
    }
    readRings(slab, base, this.layout.payments, state.payments);
    readRings(slab, base, this.layout.labels, state.labels);
    if (state.recentIds !== undefined) {
      for (const reference of this.referencesOf(number)) {
        const { high, low } = idOf(reference);
        state.recentIds.add(high, low);
      }
    }
    if (state.partners !== undefined) this.#readPartners(slab, base, state.partners);
    return state;
  }

  /** References to an entity's last events, the oldest first. */
  *referencesOf(number: number): Generator<number> {
    if (!this.plan.recentIds) return;
    const { cells, marks } = this.slabOf(number);
    const mark = this.markOf(number) + this.layout.recentMark;
    const [next = 0, used = 0] = [marks[mark], marks[mark + 1]];
    for (let step = 0; step < used; step += 1) {
      const place = (next + RECENT_IDS_MAX - used + step) % RECENT_IDS_MAX;
      yield cells[this.cellOf(number) + this.layout.recentCell + place] ?? 0;
    }
  }

  /** The other way round. The ids of the state are references, see `wordsOf`. */
  restore(number: number, state: EntityState): void {
    const slab = this.slabOf(number);
    const [cell, mark] = [this.cellOf(number), this.markOf(number)];
    const { sequence, payments, labels, firstFraudMs, home, lastPlace, usual, run, recentIds, partners } = state;
    slab.cells.set([sequence, payments.newestMs, labels.newestMs, firstFraudMs], cell + SEQUENCE);
    if (home !== undefined) slab.cells.set([home.count, home.x, home.y, home.z], cell + HOME);
    if (lastPlace !== undefined) slab.cells.set([lastPlace.north, lastPlace.east], cell + LAST_PLACE);
    if (run !== undefined) slab.cells.set([run.genuineMs, run.beganMs, run.count], cell + RUN);
    if (usual !== undefined) {
      slab.cells.set([usual.count, usual.sum], cell + USUAL);
      slab.cells.set(usual.rows.subarray(0, usual.used), cell + this.layout.unusualCell);
      slab.marks[mark + this.layout.unusualMark] = usual.used;
    }
    writeRings(slab, { cell, mark }, this.layout.payments, payments);
    writeRings(slab, { cell, mark }, this.layout.labels, labels);
    if (recentIds !== undefined) {
      let used = 0;
      recentIds.forEach((high, low) => {
        slab.cells[cell + this.layout.recentCell + used] = high * WORD + low;
        used += 1;
      });
      slab.marks.set([used % RECENT_IDS_MAX, used], mark + this.layout.recentMark);
    }
    if (partners !== undefined) this.#writePartners(slab, cell, mark, partners);
  }

  /** Rows of a state have the newest partner first, a record has it last. */
  #readPartners({ cells, marks }: Slab, base: Base, table: PartnerTable): void {
    const start = base.cell + this.layout.partnerCell;
    for (let place = (marks[base.mark + this.layout.partnerMark] ?? 0) - 1; place >= 0; place -= 1) {
      const at = start + place * PARTNER_STRIDE;
      pushPartner(table, cells[at] ?? 0, cells[at + 1] ?? 0, cells[at + 2] ?? 0);
    }
  }

  #writePartners({ cells, marks }: Slab, cell: number, mark: number, { rows, used }: PartnerTable): void {
    const count = used / PARTNER_STRIDE;
    for (let row = 0; row < count; row += 1) {
      const place = cell + this.layout.partnerCell + (count - 1 - row) * PARTNER_STRIDE;
      cells.set(rows.subarray(row * PARTNER_STRIDE, (row + 1) * PARTNER_STRIDE), place);
    }
    marks[mark + this.layout.partnerMark] = count;
  }
}

/** Where a record starts. */
interface Base {
  readonly cell: number;
  readonly mark: number;
}

function readRings(slab: Slab, base: Base, rings: readonly RingLayout[], stream: StreamState): void {
  for (const [index, ring] of rings.entries()) {
    const tiles = stream.rings[index];
    if (tiles !== undefined) readRing(slab, base, ring, tiles);
  }
}

/** Adds a record's tiles to a ring that has none. */
export function readRing({ cells, marks }: Slab, base: Base, ring: RingLayout, into: TileRing): void {
  const used = marks[base.mark + ring.mark] ?? 0;
  for (let tile = 0; tile < used; tile += 1) {
    const start = base.cell + ring.cell + tile * ring.stride;
    const at = (place: number): number => cells[start + place] ?? 0;
    pushTile(into, at(0), {
      count: at(1),
      sum: at(2),
      max: ring.max > 0 ? at(ring.max) : 0,
      squareHigh: ring.squares > 0 ? at(ring.squares) : 0,
      squareLow: ring.squares > 0 ? at(ring.squares + 1) : 0,
    });
  }
}

function writeRings(slab: Slab, base: Base, rings: readonly RingLayout[], stream: StreamState): void {
  for (const [index, ring] of rings.entries()) {
    const source = stream.rings[index];
    if (source !== undefined) writeRing(slab, base, ring, source);
  }
}

/** Makes a ring's tiles those of a record. */
export function writeRing({ cells, marks }: Slab, base: Base, ring: RingLayout, { tiles, used }: TileRing): void {
  let start = base.cell + ring.cell;
  for (let at = 0; at < used; at += TILE_STRIDE, start += ring.stride) {
    // Index, count and sum.
    cells.set(tiles.subarray(at, at + 3), start);
    if (ring.max > 0) cells[start + ring.max] = tiles[at + 3] ?? 0;
    if (ring.squares > 0) cells.set(tiles.subarray(at + 4, at + 6), start + ring.squares);
  }
  marks[base.mark + ring.mark] = used / TILE_STRIDE;
}
