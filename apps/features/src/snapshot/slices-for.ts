import type { LakeSnapshot } from "@tripline/lake/snapshot/lake-snapshots";

export const GIB = 1024 ** 3;
/** Default memory limit for states. */
export const MEMORY_GIB_DEFAULT = 2;

const MIB_PER_GIB = 1_024;
/** Minimum heap, which Node needs even for few states. */
const HEAP_MIB_MIN = 192;

/** Heap limit of a process with this much memory for states. */
export function heapMib(memoryGib: number): number {
  return Math.max(HEAP_MIB_MIN, Math.round(memoryGib * MIB_PER_GIB));
}

const SLICES_MAX = 1_024;
/** Memory of a state while it is folded. */
export const FOLDED_BYTES = 8_192;
/** Memory of states that are only copied: a multiple of their encoded size, plus a fixed size per key. */
const COPIED_SHARE = 2;
const KEY_BYTES = 200;
/**
 * A slice's share of the memory limit, because slices differ in size, and the reader of the lake needs memory as well.
 */
const SHARE = 0.4;

/** The number of slices, a power of two, such that one slice per worker fits into memory. */
export function slicesFor(
  memoryBytes: number,
  of: { readonly states: number } | { readonly snapshot: LakeSnapshot },
  workers = 1,
): number {
  const bytes =
    "states" in of
      ? of.states * FOLDED_BYTES
      : of.snapshot.slices.reduce((sum, slice) => sum + slice.bytes * COPIED_SHARE + slice.entries * KEY_BYTES, 0);
  const wanted = Math.max(workers, (bytes * workers) / (memoryBytes * SHARE));
  const slices = 2 ** Math.max(0, Math.ceil(Math.log2(wanted)));
  const before = "snapshot" in of ? of.snapshot.slices.length / 2 : 1;
  return Math.min(SLICES_MAX, Math.max(slices, before));
}
