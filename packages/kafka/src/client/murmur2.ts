const SEED = 0x9747b28c | 0;
const M = 0x5bd1e995;

/** 32-bit MurmurHash2 of a key, identical to `org.apache.kafka.common.utils.Utils.murmur2`. */
export function murmur2(key: Buffer): number {
  const byte = (index: number): number => key[index] ?? 0;
  let hash = SEED ^ key.length;
  const whole = key.length & ~3;
  for (let at = 0; at < whole; at += 4) {
    let word = byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
    word = Math.imul(word, M);
    word = Math.imul(word ^ (word >>> 24), M);
    hash = Math.imul(hash, M) ^ word;
  }
  const left = key.length & 3;
  if (left === 3) hash ^= byte(whole + 2) << 16;
  if (left >= 2) hash ^= byte(whole + 1) << 8;
  if (left >= 1) hash = Math.imul(hash ^ byte(whole), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}
