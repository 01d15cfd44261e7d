const SEED = 0x9747b28c | 0;
const M = 0x5bd1e995;
const ASCII_MAX = 0x7f;

/** MurmurHash 2 of 32 bits over the UTF-8 bytes of a key, as `org.apache.kafka.common.utils.Utils.murmur2`. */
export function murmur2(key: Buffer | string): number {
  if (typeof key !== "string") return murmur2OfBytes(key);
  return isAscii(key) ? murmur2Of(key.length, (index) => key.charCodeAt(index)) : murmur2OfBytes(Buffer.from(key));
}

function murmur2OfBytes(bytes: Buffer): number {
  return murmur2Of(bytes.length, (index) => bytes[index] ?? 0);
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > ASCII_MAX) return false;
  return true;
}

function murmur2Of(length: number, byte: (index: number) => number): number {
  let hash = SEED ^ length;
  const whole = length & ~3;
  for (let at = 0; at < whole; at += 4) {
    let word = byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
    word = Math.imul(word, M);
    word = Math.imul(word ^ (word >>> 24), M);
    hash = Math.imul(hash, M) ^ word;
  }
  const left = length & 3;
  if (left === 3) hash ^= byte(whole + 2) << 16;
  if (left >= 2) hash ^= byte(whole + 1) << 8;
  if (left >= 1) hash = Math.imul(hash ^ byte(whole), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}
