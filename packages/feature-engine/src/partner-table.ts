/** Partners that an entity remembers. Of more within the longest window, those seen longest ago are forgotten. */
export const PARTNERS_MAX = 128;

/** Numbers per partner in `rows`. */
export const PARTNER_STRIDE = 3;

/**
 * Those an entity dealt with, for instance the terminals of a card, three numbers each: hash of the id, newest event
 * time in milliseconds, payments together. Newest first; of two with one time, the one that was updated later.
 *
 * Counts of different partners are exact up to `PARTNERS_MAX`, which then means "that many or more". Two partners are
 * taken for one when their 32-bit hashes meet: with a full table, once in half a million tables.
 */
export interface PartnerTable {
  readonly rows: number[];
}

/** Position of a partner in `rows`, -1 where it is unknown or was last seen at or before `expiredMs`. */
export function findPartner({ rows }: PartnerTable, hash: number, expiredMs: number): number {
  for (let at = 0; at < rows.length; at += PARTNER_STRIDE) {
    if (rows[at] === hash) return numberAt(rows, at + 1) > expiredMs ? at : -1;
  }
  return -1;
}

/** How many partners were last seen after `afterMs`. */
export function countPartners({ rows }: PartnerTable, afterMs: number): number {
  let at = 0;
  while (at < rows.length && numberAt(rows, at + 1) > afterMs) at += PARTNER_STRIDE;
  return at / PARTNER_STRIDE;
}

/**
 * Counts a payment with a partner and forgets partners last seen at or before `expiredMs`.
 *
 * @returns false for a payment at or before `expiredMs`, which is not counted
 */
export function addPartner({ rows }: PartnerTable, hash: number, atMs: number, expiredMs: number): boolean {
  while (rows.length > 0 && numberAt(rows, rows.length - 2) <= expiredMs) rows.length -= PARTNER_STRIDE;
  if (atMs <= expiredMs) return false;
  let at = 0;
  while (at < rows.length && rows[at] !== hash) at += PARTNER_STRIDE;
  const known = at < rows.length;
  const lastMs = known ? Math.max(numberAt(rows, at + 1), atMs) : atMs;
  const count = known ? numberAt(rows, at + 2) + 1 : 1;
  if (known) rows.splice(at, PARTNER_STRIDE);
  let place = 0;
  while (place < rows.length && numberAt(rows, place + 1) > lastMs) place += PARTNER_STRIDE;
  rows.splice(place, 0, hash, lastMs, count);
  if (rows.length > PARTNERS_MAX * PARTNER_STRIDE) rows.length = PARTNERS_MAX * PARTNER_STRIDE;
  return true;
}

function numberAt(rows: readonly number[], at: number): number {
  return rows[at] ?? 0;
}
