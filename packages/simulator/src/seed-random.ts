/**
 * Random numbers that depend only on their key, so that any day of a simulation can be generated on its own. The
 * generator is sfc32 (Chris Doty-Humphrey, PractRand 0.95, public domain,
 * https://pracrand.sourceforge.net/RNG_engines.txt): three words of state and a counter, initialised from the key.
 */
export type Random = () => number;

/** Purpose of a random stream. Two streams never share numbers. */
export const STREAM = {
  terminal: 1,
  card: 2,
  payments: 3,
  compromise: 4,
  theft: 5,
  testing: 6,
  thief: 7,
  presence: 8,
  household: 9,
  equipment: 10,
  origin: 11,
  ring: 12,
  ringEquipment: 13,
  publicDevice: 14,
  binTesting: 15,
  binTested: 16,
  payer: 17,
  ringPayer: 18,
  merchant: 19,
  cardTesting: 20,
  takeover: 21,
  owner: 22,
  shop: 23,
  details: 24,
  guest: 25,
  consequence: 26,
} as const;

/** Rounds after which each bit of the key affects each bit of the state; the author's own choice. */
const MIXING_ROUNDS = 15;

/** Uniform numbers in [0, 1) with 32 random bits each. `seed`, `entity` and `day` are taken modulo 2^32. */
export function seedRandom(seed: number, stream: number, entity: number, day: number): Random {
  let a = seed | 0;
  let b = (Math.floor(seed / 2 ** 32) ^ Math.imul(stream, 0x9e3779b1)) | 0;
  let c = entity | 0;
  let counter = day | 0;
  const next = (): number => {
    const out = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return (out >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < MIXING_ROUNDS; round += 1) next();
  return next;
}

/** Standard normal, by the Box–Muller transform. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Log-normal with the given median; `spread` is the standard deviation of the logarithm. */
export function logNormal(random: Random, median: number, spread: number): number {
  return median * Math.exp(spread * normal(random));
}

/** Poisson, by Knuth's product of uniforms; at most `max`. For means below about 50. */
export function poisson(random: Random, mean: number, max: number): number {
  const limit = Math.exp(-mean);
  let product = random();
  let count = 0;
  while (product > limit && count < max) {
    product *= random();
    count += 1;
  }
  return count;
}

/** Integer in [0, limit). */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}
