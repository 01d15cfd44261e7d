import type { LakeSnapshot } from "@tripline/lake/snapshot/lake-snapshots";

export const GIB = 1024 ** 3;
/** How much memory states may take unless it is set. */
export const MEMORY_GIB_DEFAULT = 2;

const SLICES_MAX = 1_024;
/** Memory of a state while it is folded. */
export const FOLDED_BYTES = 8_192;
/** Memory of states that are only copied: a multiple of their encoded size, and of each key. */
const COPIED_SHARE = 2;
const KEY_BYTES = 200;
/** Slices are not all of one size, and the reader of the lake needs memory as well. */
const SHARE = 0.4;

/** Into how many slices, a power of two, the states are to be cut so that one of them fits into the memory. */
export function slicesFor(
  memoryBytes: number,
  of: { readonly states: number } | { readonly snapshot: LakeSnapshot },
): number {
  const bytes =
    "states" in of
      ? of.states * FOLDED_BYTES
      : of.snapshot.slices.reduce((sum, slice) => sum + slice.bytes * COPIED_SHARE + slice.entries * KEY_BYTES, 0);
  const wanted = bytes / (memoryBytes * SHARE);
  const slices = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(wanted, 1))));
  const before = "snapshot" in of ? of.snapshot.slices.length / 2 : 1;
  return Math.min(SLICES_MAX, Math.max(slices, before));
}
