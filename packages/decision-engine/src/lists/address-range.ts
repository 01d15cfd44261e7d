import { normalAddress } from "@tripline/contracts/identifiers";

/** Bits of an address of IPv6; one of IPv4 is mapped into its last 32 (RFC 4291 section 2.5.5.2). */
export const ADDRESS_BITS = 128;
const V4_PREFIX = "00000000000000000000ffff";
const V4_BITS = 32;
const GROUPS = 8;
const GROUP_DIGITS = 4;
const DIGIT_BITS = 4;

export interface AddressRange {
  /** How many bits of its addresses are the same, in IPv6: 0 to 128. */
  readonly prefixBits: number;
  /** What all of its addresses begin with, as `prefixOf` gives it for each of them. */
  readonly prefix: string;
}

/** The 32 hexadecimal digits of an address of IPv4 or IPv6; undefined for anything else. */
export function addressDigits(text: string): string | undefined {
  const address = normalAddress(text);
  if (address === undefined) return undefined;
  if (isV4(address)) {
    return (
      V4_PREFIX +
      address
        .split(".")
        .map((part) => Number(part).toString(16).padStart(2, "0"))
        .join("")
    );
  }
  const [head = "", tail] = address.split("::");
  const [first, last] = [groupsOf(head), groupsOf(tail ?? "")];
  const zeros = Array<string>(GROUPS - first.length - last.length).fill("0");
  return [...first, ...zeros, ...last].map((group) => group.padStart(GROUP_DIGITS, "0")).join("");
}

/** Of an address that was found to be one. */
function isV4(address: string): boolean {
  return !address.includes(":");
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}

/** The first bits of an address, as text: no two prefixes, of whatever lengths, have the same one. */
export function prefixOf(digits: string, bits: number): string {
  return `${bits}/${firstDigits(digits, bits)}`;
}

function firstDigits(digits: string, bits: number): string {
  const whole = bits >> 2;
  const rest = bits & (DIGIT_BITS - 1);
  if (rest === 0) return digits.slice(0, whole);
  const mask = (0xf << (DIGIT_BITS - rest)) & 0xf;
  return digits.slice(0, whole) + (Number.parseInt(digits.charAt(whole), 16) & mask).toString(16);
}

/**
 * A range in CIDR notation (RFC 4632, RFC 4291): `203.0.113.0/24` or `2001:db8::/32`. Undefined for anything else, and for
 * a range with bits after its prefix: it may be meant as the address or as the range.
 */
export function parseRange(text: string): AddressRange | undefined {
  const [, base = "", length = ""] = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text) ?? [];
  const digits = addressDigits(base);
  if (digits === undefined) return undefined;
  const prefixBits = Number(length) + (isV4(base) ? ADDRESS_BITS - V4_BITS : 0);
  if (prefixBits > ADDRESS_BITS) return undefined;
  if (firstDigits(digits, prefixBits).padEnd(digits.length, "0") !== digits) return undefined;
  return { prefixBits, prefix: prefixOf(digits, prefixBits) };
}
