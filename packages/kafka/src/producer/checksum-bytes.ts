/** CRC-32C, the checksum of record batches (RFC 3720 appendix B.4), eight bytes at a time ("slicing-by-8"). */

const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

const T0 = firstTable();
const T1 = nextTable(T0);
const T2 = nextTable(T1);
const T3 = nextTable(T2);
const T4 = nextTable(T3);
const T5 = nextTable(T4);
const T6 = nextTable(T5);
const T7 = nextTable(T6);

function firstTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    return value;
  });
}

/** What the bytes of a table are worth one byte further from the end. */
function nextTable(table: Int32Array): Int32Array {
  return table.map((value) => (value >>> 8) ^ (T0[value & 0xff] ?? 0));
}

/** @returns the checksum of `bytes` from `from` up to `end`, as an unsigned number of 32 bits */
export function crc32c(bytes: Uint8Array, from: number, end: number): number {
  let crc = -1;
  let at = from;
  const byte = (index: number) => bytes[index] ?? 0;
  for (; at + SLICES <= end; at += SLICES) {
    const low = crc ^ (byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24));
    crc =
      (T7[low & 0xff] ?? 0) ^
      (T6[(low >>> 8) & 0xff] ?? 0) ^
      (T5[(low >>> 16) & 0xff] ?? 0) ^
      (T4[low >>> 24] ?? 0) ^
      (T3[byte(at + 4)] ?? 0) ^
      (T2[byte(at + 5)] ?? 0) ^
      (T1[byte(at + 6)] ?? 0) ^
      (T0[byte(at + 7)] ?? 0);
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ (T0[(crc ^ byte(at)) & 0xff] ?? 0);
  return ~crc >>> 0;
}
