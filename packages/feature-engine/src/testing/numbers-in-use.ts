import type { PartnerTable } from "../state/partner-table.js";
import type { TileRing } from "../state/tile-ring.js";

/** The numbers in use, as a view on the ring's memory. */
export function tilesInUse({ tiles, used }: TileRing): Float64Array {
  return tiles.subarray(0, used);
}

/** The numbers in use, as a view on the table's memory. */
export function rowsInUse({ rows, used }: PartnerTable): Float64Array {
  return rows.subarray(0, used);
}
