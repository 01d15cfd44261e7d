import { ABOVE_ALL, BELOW_ALL } from "./float-keys.js";
import { LANES, RANKS } from "./memory-layout.js";
import type { Code, WasmFunction } from "./wasm-code.js";
import { againIf, constant, f32, get, I32, i32, loop, select, set, tee } from "./wasm-code.js";

/** Addresses of a column in memory. */
export interface RankTable {
  readonly feature: number;
  readonly isMissingLow: boolean;
  /** The thresholds' keys, 4 bytes each, followed by padding above all keys for one full bucket. */
  readonly keys: number;
  readonly firstKey: number;
  /** Keys are assigned to buckets by their distance from the first key, shifted right by this number of bits. */
  readonly shift: number;
  readonly lastBucket: number;
  /** The number of keys before each bucket, 2 bytes each. */
  readonly starts: number;
  readonly bucketKeysMax: number;
  readonly targets: readonly RankTarget[];
}

/** The codes for a block of trees: ranks among the block's own thresholds. */
export interface RankTarget {
  /** A byte per rank among all thresholds. */
  readonly codeByRank: number;
  /** Where the bytes of the 16 rows are written. */
  readonly codes: number;
}

const [ROWS, ROW, LANE, KEY, START] = [0, 1, 2, 3, 4];
const RANK_BYTES = 2;
const INFINITY_BITS = 0x7f800000;

/** Replaces the values of 16 rows with their ranks among their column's thresholds, once per column and block. */
export function rankCode(name: string, tables: readonly RankTable[], rowBytes: number): WasmFunction {
  const code = tables.map((table) => [
    [get(ROWS), set(ROW), constant(0), set(LANE)],
    loop([
      [readKey(table), findBucket(table), searchBucket(table)],
      [get(LANE), get(START), i32.storeShort(RANKS)],
      [get(ROW), constant(rowBytes), i32.add(), set(ROW)],
      [get(LANE), constant(RANK_BYTES), i32.add(), tee(LANE)],
      [constant(LANES * RANK_BYTES), i32.lessUnsigned(), againIf(0)],
    ]),
    table.targets.map(({ codeByRank, codes }) =>
      Array.from({ length: LANES }, (_, lane) => [
        constant(0),
        [constant(0), i32.loadShort(RANKS + lane * RANK_BYTES), i32.loadByte(codeByRank)],
        i32.storeByte(codes + lane),
      ]),
    ),
  ]);
  return { name, parameters: 1, locals: new Array<number>(4).fill(I32), code };
}

/**
 * The value's key (float-keys.ts), but at least the first threshold's key, because all smaller keys have the same rank.
 */
function readKey({ feature, isMissingLow, firstKey }: RankTable): Code {
  return [
    // Adding 0 makes -0 equal to 0.
    [get(ROW), f32.load(feature * 4), f32.zero(), f32.add(), i32.ofFloat(), set(START)],
    constant(isMissingLow ? BELOW_ALL : ABOVE_ALL),
    [get(START), get(START), constant(31), i32.shiftRightSigned(), constant(ABOVE_ALL), i32.and(), i32.xor()],
    [get(START), constant(ABOVE_ALL), i32.and(), constant(INFINITY_BITS), i32.greaterSigned(), select(), tee(KEY)],
    [constant(firstKey), get(KEY), constant(firstKey), i32.greaterSigned(), select(), set(KEY)],
  ];
}

function findBucket({ firstKey, shift, lastBucket, starts }: RankTable): Code {
  return [
    [get(KEY), constant(firstKey), i32.subtract(), constant(shift), i32.shiftRight(), tee(START)],
    [constant(lastBucket), get(START), constant(lastBucket), i32.lessUnsigned(), select()],
    [constant(1), i32.shiftLeft(), i32.loadShort(starts), set(START)],
  ];
}

/**
 * Adds to START the number of keys below KEY in its bucket, by binary search. Keys after the bucket are above KEY
 * anyway, so the end of the bucket does not have to be checked, and there is no branch to mispredict.
 */
function searchBucket({ keys, bucketKeysMax }: RankTable): Code {
  const halves: number[] = [];
  for (let bits = Math.ceil(Math.log2(bucketKeysMax + 1)) - 1; bits >= 0; bits -= 1) halves.push(bits);
  return halves.map((bits) => [
    [get(START), constant(2), i32.shiftLeft(), i32.load(keys + (2 ** bits - 1) * 4), get(KEY), i32.lessSigned()],
    [constant(bits), i32.shiftLeft(), get(START), i32.add(), set(START)],
  ]);
}
