const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

function scramble(block: number): number {
  const mixed = Math.imul(block, C1);
  return Math.imul((mixed << 15) | (mixed >>> 17), C2);
}

/**
 * MurmurHash3, x86, 32 bits, seed 0, of the UTF-8 bytes. Implemented here because the npm packages either hash UTF-16
 * units, which differ beyond ASCII, or have had no release for years. Source: Austin Appleby,
 * https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp (public domain).
 */
export function murmur3(text: string): number {
  const bytes = Buffer.from(text, "utf8");
  const blocksEnd = bytes.length & ~3;
  let hash = 0;
  for (let offset = 0; offset < blocksEnd; offset += 4) {
    hash ^= scramble(bytes.readInt32LE(offset));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let offset = bytes.length - 1; offset >= blocksEnd; offset -= 1) rest = (rest << 8) | (bytes[offset] as number);
  if (bytes.length > blocksEnd) hash ^= scramble(rest);
  hash ^= bytes.length;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The Redis hash field in which Feast stores a feature: four bytes, little-endian. */
export function featureField(storedView: string, feature: string): Buffer {
  const field = Buffer.alloc(4);
  field.writeUInt32LE(murmur3(`${storedView}:${feature}`));
  return field;
}

/** The field in which Feast stores the event timestamp of a view's features. */
export function timestampField(storedView: string): Buffer {
  return Buffer.from(`_ts:${storedView}`, "utf8");
}
