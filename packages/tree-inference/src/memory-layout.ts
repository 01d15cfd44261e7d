/** Number of rows that pass through the trees together: one per byte of a vector. */
export const LANES = 16;
/** Maximum number of levels of splits in a tree, because the number of a leaf must fit in a byte. */
export const DEPTH_MAX = 8;

/*
 * Layout of the start of the memory that the model and the code share, by byte address:
 *
 * 0     numbers of leaves: 0, 2, 4, … 254, each 16 times
 * 2048  the number of the leaf that each row has reached, a byte per row
 * 2064  ranks of one feature, 2 bytes per row
 * 2096  sums of leaves, a float32 per row
 * 2160  the model's tables (plan-memory.ts)
 */
export const LEAF_NUMBERS = 0;
export const REACHED = LEAF_NUMBERS + 2 ** (DEPTH_MAX - 1) * LANES;
export const RANKS = REACHED + LANES;
export const SUMS = RANKS + LANES * 2;
export const TABLES = SUMS + LANES * 4;

/** A split: 4 bytes with the address of its codes, then its threshold byte, 4 times. */
export const NODE_BYTES = 8;
export const LEAF_BYTES = 4;
