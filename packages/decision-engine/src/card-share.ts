const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const UINT32 = 2 ** 32;

/**
 * A card's position among all cards for one purpose, from 0 up to but excluding 100: constant per purpose, and
 * independent across purposes. FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) with the finaliser of MurmurHash3,
 * because FNV alone distributes the last characters badly.
 */
export function shareOf(cardToken: string, purpose: string): number {
  let hash = FNV_OFFSET;
  const text = `${purpose}/${cardToken}`;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (100 * ((hash ^ (hash >>> 16)) >>> 0)) / UINT32;
}
