import type { Random } from "../seed-random.js";
import { below } from "../seed-random.js";
import type { Bounds } from "./attack-table.js";
import { CODES } from "./attack-table.js";

/** A number between the bounds. */
export function between({ min, max }: Bounds, random: Random): number {
  return min + random() * (max - min);
}

/** An integer between the bounds, both inclusive. */
export function countBetween({ min, max }: Bounds, random: Random): number {
  return min + below(random, max - min + 1);
}

/** The issuer's response for an existing card. */
export function issuerCode(authorisedShare: number, random: Random): string {
  return random() < authorisedShare ? CODES.authorised : CODES.doNotHonour;
}
