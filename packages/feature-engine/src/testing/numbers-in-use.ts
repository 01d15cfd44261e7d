import type { PartnerTable } from "../state/partner-table.js";
import type { TileRing } from "../state/tile-ring.js";

/** The numbers in use, in memory shared with the ring. */
export function tilesInUse({ tiles, used }: TileRing): Float64Array {
  return tiles.subarray(0, used);
}

/** The numbers in use, in memory shared with the table. */
export function rowsInUse({ rows, used }: PartnerTable): Float64Array {
  return rows.subarray(0, used);
}
