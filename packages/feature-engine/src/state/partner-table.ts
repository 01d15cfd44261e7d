/**
 * Maximum number of partners that an entity remembers. If there are more partners within the longest window, the least
 * recently seen ones are evicted.
 */
export const PARTNERS_MAX = 128;

/** Numbers per partner in `rows`. */
export const PARTNER_STRIDE = 4;

/**
 * The partners of an entity, such as the terminals at which a card was used. Each has four numbers: hash of the id,
 * newest event time in milliseconds, number of payments, and 1 if one of them was confirmed as fraud. Newest first; at
 * equal times, the partner updated last comes first.
 *
 * Distinct counts are exact below `PARTNERS_MAX`, which means "that many or more". Two partners are confused if their
 * 32-bit hashes are equal: with a full table, this happens once in half a million tables.
 */
export interface PartnerTable {
  /** Only the first `used` numbers are valid; the others are spare capacity. */
  rows: Float64Array;
  /** Numbers in use: `PARTNER_STRIDE` for each partner. */
  used: number;
}

/** Used instead of the hash of an id, which is never negative, if the payment names no partner. */
export const NO_PARTNER = -1;

const NO_ROWS = new Float64Array(0);
/** Initial capacity of a table. */
const FIRST_PARTNERS = 8;

export function noPartners(): PartnerTable {
  return { rows: NO_ROWS, used: 0 };
}

/** Appends a partner that was last seen before all others. */
export function pushPartner(table: PartnerTable, hash: number, lastMs: number, count: number, fraud: 0 | 1): void {
  const at = table.used;
  makeRoom(table, at + PARTNER_STRIDE);
  table.rows[at] = hash;
  table.rows[at + 1] = lastMs;
  table.rows[at + 2] = count;
  table.rows[at + 3] = fraud;
  table.used = at + PARTNER_STRIDE;
}

/** Ensures a total capacity of `numbers`. */
function makeRoom(table: PartnerTable, numbers: number): void {
  if (numbers <= table.rows.length) return;
  const grown = new Float64Array(Math.max(FIRST_PARTNERS * PARTNER_STRIDE, numbers, table.rows.length * 2));
  grown.set(table.rows);
  table.rows = grown;
}

/** Position of a partner in `rows`; -1 if the partner is unknown or was last seen at or before `expiredMs`. */
export function findPartner({ rows, used }: PartnerTable, hash: number, expiredMs: number): number {
  for (let at = 0; at < used; at += PARTNER_STRIDE) {
    if (rows[at] === hash) return numberAt(rows, at + 1) > expiredMs ? at : -1;
  }
  return -1;
}

/** Number of partners that were last seen after `afterMs`. */
export function countPartners({ rows, used }: PartnerTable, afterMs: number): number {
  let at = 0;
  while (at < used && numberAt(rows, at + 1) > afterMs) at += PARTNER_STRIDE;
  return at / PARTNER_STRIDE;
}

/** Number of partners with a confirmed fraud that were last seen after `afterMs`, excluding the given partner. */
export function countFrauds({ rows, used }: PartnerTable, afterMs: number, withoutHash: number): number {
  let frauds = 0;
  for (let at = 0; at < used && numberAt(rows, at + 1) > afterMs; at += PARTNER_STRIDE) {
    if (rows[at] !== withoutHash) frauds += numberAt(rows, at + 3);
  }
  return frauds;
}

/** Marks a partner as having a confirmed fraud, unless the partner was forgotten. */
export function markFraud({ rows, used }: PartnerTable, hash: number): void {
  for (let at = 0; at < used; at += PARTNER_STRIDE) if (rows[at] === hash) rows[at + 3] = 1;
}

/**
 * Counts a payment with a partner, or with `NO_PARTNER`, and removes partners last seen at or before `expiredMs`.
 *
 * @returns false for a payment at or before `expiredMs`, which is not counted
 */
export function addPartner(table: PartnerTable, hash: number, atMs: number, expiredMs: number): boolean {
  while (table.used > 0 && numberAt(table.rows, table.used - PARTNER_STRIDE + 1) <= expiredMs)
    table.used -= PARTNER_STRIDE;
  if (atMs <= expiredMs) return false;
  if (hash === NO_PARTNER) return true;
  let end = 0;
  while (end < table.used && table.rows[end] !== hash) end += PARTNER_STRIDE;
  const known = end < table.used;
  const lastMs = known ? Math.max(numberAt(table.rows, end + 1), atMs) : atMs;
  const count = known ? numberAt(table.rows, end + 2) + 1 : 1;
  const fraud = known ? numberAt(table.rows, end + 3) : 0;
  if (!known) {
    makeRoom(table, table.used + PARTNER_STRIDE);
    table.used += PARTNER_STRIDE;
  }
  const { rows } = table;
  let place = 0;
  while (place < end && numberAt(rows, place + 1) > lastMs) place += PARTNER_STRIDE;
  // Moves the partners that were last seen earlier by one row, into the row that this partner had or that was added for
  // it.
  if (place < end) rows.copyWithin(place + PARTNER_STRIDE, place, end);
  rows[place] = hash;
  rows[place + 1] = lastMs;
  rows[place + 2] = count;
  rows[place + 3] = fraud;
  table.used = Math.min(table.used, PARTNERS_MAX * PARTNER_STRIDE);
  return true;
}

function numberAt(rows: Float64Array, at: number): number {
  return rows[at] ?? 0;
}
