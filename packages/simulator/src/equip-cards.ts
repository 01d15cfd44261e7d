import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { below, STREAM, seedRandom } from "./seed-random.js";

/** The device and network address of a payment. */
export interface Origin {
  readonly deviceId: string;
  readonly ipAddress: string;
}

/** The devices and home line of a card's owner. */
export interface Equipment {
  readonly devices: readonly [string, ...string[]];
  readonly homeAddress: string;
}

/** Share of card-present-only cards: no device or address, even when a thief uses them. */
const PRESENT_ONLY_SHARE = 0.2;
/** Share of neighbours who share devices and the home line, so that two cards on a device do not prove fraud. */
const HOUSEHOLD_SHARE = 0.15;
const SECOND_DEVICE_SHARE = 0.5;
/** Share of payments from the second device, for owners with two. */
const SECOND_DEVICE_USE = 0.2;
const IPV6_HOME_SHARE = 0.3;
/** Share of an owner's payments from a shared device, such as one at a counter. */
const PUBLIC_DEVICE_USE = 0.005;
const CARDS_PER_PUBLIC_DEVICE = 50;
const AT_HOME_SHARE = 0.6;
/** Mobile carriers put several customers behind one address, so many cards on one address do not prove fraud either. */
const CARDS_PER_MOBILE_ADDRESS = 10;
const CARDS_PER_RING = 500;
const RING_DAYS = 7;

/** Number of home lines: 24 bits, which exactly fill the private range 10.0.0.0/8. */
const LINES = 2 ** 24;

/** The devices and the home line of a card's owner, or null for a card-present-only card. */
export function equipCard(seed: number, card: number): Equipment | null {
  if (seedRandom(seed, STREAM.presence, card, 0)() < PRESENT_ONLY_SHARE) return null;
  const elder = card - (card % 2);
  const sharesHousehold = seedRandom(seed, STREAM.household, elder, 0)() < HOUSEHOLD_SHARE;
  const owner = sharesHousehold ? elder : card;
  const random = seedRandom(seed, STREAM.equipment, owner, 0);
  const homeAddress = lineAddress((seed % LINES) + owner, random() < IPV6_HOME_SHARE);
  const first = deviceId(random);
  return { devices: random() < SECOND_DEVICE_SHARE ? [first, deviceId(random)] : [first], homeAddress };
}

/**
 * The origin of one payment by the owner: mostly the first device, at home or mobile.
 *
 * @param random of the card and day
 */
export function ownerOrigin(seed: number, equipment: Equipment, cards: number, random: () => number): Origin {
  const [first, second = first] = equipment.devices;
  const isPublic = random() < PUBLIC_DEVICE_USE;
  const isSecond = random() < SECOND_DEVICE_USE;
  const isAtHome = random() < AT_HOME_SHARE;
  const shared = below(random, Math.ceil(cards / CARDS_PER_PUBLIC_DEVICE));
  const mobile = below(random, Math.ceil(cards / CARDS_PER_MOBILE_ADDRESS));
  const own = isSecond ? second : first;
  return {
    deviceId: isPublic ? deviceId(seedRandom(seed, STREAM.publicDevice, shared, 0)) : own,
    ipAddress: isAtHome ? equipment.homeAddress : mobileAddress(mobile),
  };
}

/** The fraud ring that obtains a card. There is one ring per 500 cards. */
export function ringOf(seed: number, card: number, cards: number): number {
  return below(seedRandom(seed, STREAM.ring, card, 0), Math.ceil(cards / CARDS_PER_RING));
}

/** The origin of a ring's payments: all cards that it obtains within a week pay from the same device and address. */
export function thiefOrigin(seed: number, ring: number, day: number): Origin {
  const random = seedRandom(seed, STREAM.ringEquipment, ring, Math.floor(day / RING_DAYS));
  return { deviceId: deviceId(random), ipAddress: foreignAddress(random) };
}

export function deviceId(random: () => number): string {
  const word = (): string =>
    below(random, 2 ** 32)
      .toString(16)
      .padStart(8, "0");
  const [first, second] = [word(), word()];
  const id = `dev-${first}${second}`;
  // Without the letter, one in 23,000 ids would consist of 16 digits that look like a card number, which the API
  // rejects.
  return holdsCardNumber(id) ? `dev-${first}x${second}` : id;
}

/*
 * Addresses come from reserved ranges: 10.0.0.0/8 (RFC 1918) and 2001:db8::/32 (RFC 3849) for homes, 100.64.0.0/10 for
 * mobile devices behind carrier-grade NAT (RFC 6598), 198.18.0.0/15 (RFC 2544) for thieves.
 */

function lineAddress(line: number, isIpv6: boolean): string {
  const number = line % LINES;
  if (!isIpv6) return ipv4(10 * 2 ** 24 + number);
  // Two groups of 12 bits each; the leading 1 prevents leading zeros, which a shorter spelling would omit.
  const group = (bits: number): string => (0x1000 + (bits & 0xfff)).toString(16);
  return `2001:db8:${group(number >> 12)}:${group(number)}::1`;
}

function mobileAddress(index: number): string {
  return ipv4(100 * 2 ** 24 + 64 * 2 ** 16 + (index % 2 ** 22));
}

export function foreignAddress(random: () => number): string {
  return ipv4(198 * 2 ** 24 + 18 * 2 ** 16 + below(random, 2 ** 17));
}

function ipv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}
