import { ACCOUNT_TAKEOVER } from "../attacks/attack-table.js";
import { FAR, HOME, NEIGHBOURS, oneOf } from "../name-payers.js";
import type { Random } from "../seed-random.js";
import { STREAM, seedRandom } from "../seed-random.js";
import type { SimulatedPayment } from "../simulated-payment.js";
import type { Address } from "./owner-details.js";
import { phoneFrom, postalCodeFrom } from "./owner-details.js";

/** Shares of an owner's deliveries to another domestic address, and to a foreign address. */
const GIFT_SHARE = 0.15;
const GIFT_ABROAD_SHARE = 0.01;
/** Share of thieves who have goods sent abroad. */
const THIEF_ABROAD_SHARE = 0.35;

/** A thief's contact details: one address per device, and one telephone number per e-mail address. */
export function guestOf(
  seed: number,
  payment: SimulatedPayment,
): { readonly address: Address; readonly phone: string } {
  const phone = phoneFrom(seedRandom(seed, STREAM.guest, keyOf(payment.email ?? ""), 1));
  return { address: thiefAddress(seed, payment, THIEF_ABROAD_SHARE), phone };
}

/** The delivery address. */
export function deliveryOf(seed: number, payment: SimulatedPayment, billing: Address, random: Random): Address {
  const { scenario } = payment;
  if (scenario === "account-takeover") {
    return thiefAddress(seed, payment, 1 - ACCOUNT_TAKEOVER.domesticDeliveryShare);
  }
  if (scenario !== "none" && scenario !== "compromised-terminal") return billing;
  const share = random();
  const postalCode = postalCodeFrom(random);
  if (share < GIFT_ABROAD_SHARE) return { country: oneOf(NEIGHBOURS, random), postalCode };
  return share < GIFT_ABROAD_SHARE + GIFT_SHARE ? { country: HOME, postalCode } : billing;
}

/** A thief's address, which is the same for all payments from a device. */
function thiefAddress(seed: number, { deviceId }: SimulatedPayment, abroadShare: number): Address {
  const random = seedRandom(seed, STREAM.guest, keyOf(deviceId ?? ""), 0);
  const country = random() < abroadShare ? oneOf(FAR, random) : HOME;
  return { country, postalCode: postalCodeFrom(random) };
}

/** A 32-bit hash of a text (FNV-1a), used as a random seed. */
function keyOf(text: string): number {
  let key = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) key = Math.imul(key ^ text.charCodeAt(index), 0x01000193);
  return key;
}
