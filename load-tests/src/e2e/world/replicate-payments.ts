import type { SimulationOptions } from "@tripline/simulator/create-simulation";
import { cardNumber } from "@tripline/simulator/profile-cards";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";

/** Addresses available for replicas, for each IP version. */
const ADDRESSES = 2 ** 28;
/** 240.0.0.0/4, which is reserved (RFC 1112 section 4), so that it contains no simulated address. */
const IPV4_BASE = 240 * 2 ** 24;

/**
 * The same payments with other cards, payers, devices and addresses. Many replicas of a world form a large population.
 * Replica 0 is the world itself. Cards that share a device or address in the world also share one in each replica.
 * Terminals stay the same, because any number of cards can pay at a terminal.
 */
export class PaymentReplicas {
  readonly #cards = new Map<string, number>();
  /** Index of each address, in the order of first use; shared by both IP versions. */
  readonly #addresses = new Map<string, number>();
  readonly #seed: number;

  /** @param count number of replicas, including the original */
  constructor(
    { seed, cards }: Pick<SimulationOptions, "seed" | "cards">,
    readonly count: number,
  ) {
    this.#seed = seed;
    for (let card = 0; card < cards; card += 1) this.#cards.set(cardNumber(seed, card), card);
  }

  payment(original: SimulatedPayment, replica: number): SimulatedPayment {
    const { deviceId, ipAddress, email } = original;
    return {
      ...original,
      cardNumber: this.cardNumber(original.cardNumber, replica),
      deviceId: deviceId === null ? null : this.deviceId(deviceId, replica),
      ipAddress: ipAddress === null ? null : this.ipAddress(ipAddress, replica),
      email: email === null ? null : this.email(email, replica),
    };
  }

  /** The card's number in a simulation of all cards. @throws RangeError for a card that is not in the world */
  cardNumber(original: string, replica: number): string {
    const card = this.#cards.get(original);
    if (card === undefined) throw new RangeError("This card is not in the simulation.");
    return cardNumber(this.#seed, card + this.#cards.size * replica);
  }

  deviceId(original: string, replica: number): string {
    return replica === 0 ? original : `${original}-${replica}`;
  }

  email(original: string, replica: number): string {
    return replica === 0 ? original : `r${replica}-${original}`;
  }

  /**
   * A canonical address of the same IP version, because the versions cause different work in ingestion.
   *
   * @throws RangeError if there are more replicas than addresses
   */
  ipAddress(original: string, replica: number): string {
    if (replica === 0) return original;
    const known = this.#addresses.get(original);
    const place = known ?? this.#addresses.size;
    if (known === undefined) this.#addresses.set(original, place);
    const number = place * this.count + replica;
    if (number >= ADDRESSES) throw new RangeError("There are too few addresses for so many replicas.");
    return original.includes(":") ? ipv6(number) : ipv4(IPV4_BASE + number);
  }
}

function ipv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}

/**
 * In 2001:db8::/32 (RFC 3849), like simulated homes, which have a zero in the last of these groups. A group has 12 bits
 * after a leading 1, which avoids zeros that the canonical form would omit.
 */
function ipv6(value: number): string {
  const group = (bits: number): string => (0x1000 + (bits & 0xfff)).toString(16);
  return `2001:db8:${group(value >>> 24)}:${group(value >>> 12)}:${group(value)}::1`;
}
