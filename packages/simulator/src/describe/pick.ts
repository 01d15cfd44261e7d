import type { Random } from "../seed-random.js";

/** Picks one of the names according to their shares, which add up to 1. */
export function pick<T extends string>(shares: Readonly<Record<T, number>>, random: Random): T {
  const names = Object.keys(shares) as T[];
  let rest = random();
  for (const name of names) {
    rest -= shares[name];
    if (rest < 0) return name;
  }
  // The sum of the shares may differ from 1 in the last digit.
  return names[names.length - 1] as T;
}
