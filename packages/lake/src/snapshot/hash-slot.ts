/** Number of hash slots of a Redis cluster. */
const HASH_SLOTS = 16_384;

/** CRC-16 (XMODEM) by byte. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});

/** The hash slot of a key in a Redis cluster: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ */
export function hashSlot(key: string): number {
  const bytes = Buffer.from(hashedPart(key), "utf8");
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ (TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0)) & 0xffff;
  return crc % HASH_SLOTS;
}

/**
 * The hash slots of a slice: the first one, and the one after the last.
 *
 * @param slices number of slices; a divisor of 16,384
 */
export function slotsOf(index: number, slices: number): [first: number, end: number] {
  const width = HASH_SLOTS / slices;
  return [index * width, (index + 1) * width];
}

/** The index of the slice that contains the key. */
export function sliceOf(key: string, slices: number): number {
  return Math.floor((hashSlot(key) * slices) / HASH_SLOTS);
}

/** The text between the first `{` and the next `}` if it is not empty; otherwise the whole key. */
function hashedPart(key: string): string {
  const start = key.indexOf("{");
  if (start < 0) return key;
  const end = key.indexOf("}", start + 1);
  return end <= start + 1 ? key : key.slice(start + 1, end);
}
