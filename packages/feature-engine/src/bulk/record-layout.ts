import type { EntityPlan, RingPlan, StreamPlan } from "../plan-entities.js";
import { PARTNER_STRIDE, PARTNERS_MAX } from "../state/partner-table.js";
import { RECENT_IDS_MAX } from "../state/recent-ids.js";
import { UNUSUAL_MAX, UNUSUAL_STRIDE } from "../state/usual-amount.js";

/*
 * One entity's window state as two rows of numbers of fixed length: `cells` of doubles and `marks` of whole numbers. It
 * says the same as an `EntityState` and nothing more, but a bulk fold that keeps its states like this allocates nothing
 * per event and reads memory in a row.
 *
 *   cells   sequence, newest payment, newest label, first fraud, home (count, x, y, z), usual amount (count, sum),
 *           run of frauds (last genuine payment, beginning, count), last place (north, east)
 *           then for every ring of the payments, then of the labels: its tiles, the oldest first
 *           then references to the last events, RECENT_IDS_MAX of them
 *           then partners, the one that was seen longest ago first: hash of the id, last time, payments
 *           then unusual payments in the order in which they were counted: time, ratio
 *   marks   for every ring: tiles in use
 *           then place of the next reference, references in use
 *           then partners in use
 *           then numbers in use for unusual payments
 *
 * A tile is index, count, sum, and where the ring keeps them max, squareHigh and squareLow.
 */

/** Where one ring's numbers are, counted from the start of a record. */
export interface RingLayout {
  readonly tileMs: number;
  readonly tilesBack: number;
  /** Place of the tiles in `cells`. */
  readonly cell: number;
  /** Place of the mark. */
  readonly mark: number;
  /** Numbers per tile. */
  readonly stride: number;
  /** Place of the maximum in a tile; 0 where the ring keeps none. */
  readonly max: number;
  /** Place of squareHigh in a tile, squareLow stands behind it; 0 where the ring keeps none. */
  readonly squares: number;
}

/** Where one entity's numbers are, counted from the start of a record. A place is 0 where the plan keeps no such thing. */
export interface RecordLayout {
  readonly payments: readonly RingLayout[];
  readonly labels: readonly RingLayout[];
  readonly recentCell: number;
  readonly recentMark: number;
  readonly partnerCell: number;
  readonly partnerMark: number;
  readonly unusualCell: number;
  readonly unusualMark: number;
  /** Numbers in a record. */
  readonly cells: number;
  readonly marks: number;
}

export const SEQUENCE = 0;
export const NEWEST_PAYMENT = 1;
export const NEWEST_LABEL = 2;
export const FIRST_FRAUD = 3;
/** Count, x, y and z. */
export const HOME = 4;
/** Count and sum. */
export const USUAL = 8;
/** Last genuine payment, beginning and count. */
export const RUN = 10;
/** North and east of the last place. */
export const LAST_PLACE = 13;
const RINGS = 15;

export function layOutRecord(plan: EntityPlan): RecordLayout {
  const room = { cells: RINGS, marks: 0 };
  const payments = layOutRings(plan.payments, room);
  const labels = layOutRings(plan.labels, room);
  const recent = plan.recentIds ? take(room, RECENT_IDS_MAX) : NOTHING;
  const partners = plan.partners === undefined ? NOTHING : take(room, PARTNERS_MAX * PARTNER_STRIDE);
  const unusual = plan.usual === undefined ? NOTHING : take(room, UNUSUAL_MAX * UNUSUAL_STRIDE);
  return {
    payments,
    labels,
    recentCell: recent.cell,
    recentMark: recent.mark,
    partnerCell: partners.cell,
    partnerMark: partners.mark,
    unusualCell: unusual.cell,
    unusualMark: unusual.mark,
    ...room,
  };
}

const NOTHING = { cell: 0, mark: 0 };

function layOutRings(stream: StreamPlan, room: { cells: number; marks: number }): RingLayout[] {
  return stream.rings.map(({ tileMs, tilesBack, max, squares }: RingPlan) => {
    const maxPlace = max ? 3 : 0;
    const squaresPlace = squares ? 3 + (max ? 1 : 0) : 0;
    const stride = 3 + (max ? 1 : 0) + (squares ? 2 : 0);
    const { cell, mark } = take(room, (tilesBack + 1) * stride);
    return { tileMs, tilesBack, cell, mark, stride, max: maxPlace, squares: squaresPlace };
  });
}

function take(room: { cells: number; marks: number }, cells: number): { cell: number; mark: number } {
  const place = { cell: room.cells, mark: room.marks };
  room.cells += cells;
  room.marks += 2;
  return place;
}
