import { BlockList, isIP } from "node:net";
import { z } from "zod";

/**
 * IPv4 networks without public hosts: IANA's special-purpose registry, and 168.63.129.16, a public address where Azure
 * serves metadata to virtual machines.
 */
const REFUSED_IPV4 = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
  ...["192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ...["224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"],
];
/** Contains all public IPv6 hosts, but no embedded IPv4, loopback, link-local or private addresses. */
const PUBLIC_IPV6 = "2000::/3";
/** Exceptions: protocol assignments including Teredo, documentation, and 6to4, which embeds IPv4 addresses. */
const REFUSED_IPV6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

const NETWORK = /^([0-9A-Fa-f.:]+)\/(\d{1,3})$/;

interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

/** @returns undefined if the text is not a network */
function parseNetwork(text: string): Network | undefined {
  const [, address = "", digits = ""] = NETWORK.exec(text) ?? [];
  const version = isIP(address);
  const bits = Number(digits);
  if (version === 0 || bits > (version === 4 ? 32 : 128)) return undefined;
  return { address, bits, family: version === 4 ? "ipv4" : "ipv6" };
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    if (network !== undefined) list.addSubnet(network.address, network.bits, network.family);
  }
  return list;
}

const refusedIpv4 = listOf(REFUSED_IPV4);
const publicIpv6 = listOf([PUBLIC_IPV6]);
const refusedIpv6 = listOf(REFUSED_IPV6);

/** Whether the address is in a network of the list; never true for an IPv4-mapped IPv6 address. */
function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

/** Whether the address belongs to the public internet. */
export function isPublic(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !isIn(refusedIpv4, address);
  return version === 6 && isIn(publicIpv6, address) && !isIn(refusedIpv6, address);
}

/** Networks of the setting `WEBHOOK_ALLOWED_NETWORKS`. */
export class AllowedNetworks {
  readonly #ipv4: BlockList;
  readonly #ipv6: BlockList;

  constructor(networks: readonly string[]) {
    // Two lists, because a BlockList also matches IPv4-mapped IPv6 addresses against IPv4 networks.
    this.#ipv4 = listOf(networks.filter((network) => !network.includes(":")));
    this.#ipv6 = listOf(networks.filter((network) => network.includes(":")));
  }

  has(address: string): boolean {
    const version = isIP(address);
    if (version === 0) return false;
    return isIn(version === 4 ? this.#ipv4 : this.#ipv6, address);
  }
}

/** Comma-separated networks, such as `10.20.0.0/16`. */
export const allowedNetworks = z
  .string()
  .default("")
  .transform((text, check) => {
    const networks = text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
    const wrong = networks.find((network) => parseNetwork(network) === undefined);
    if (wrong === undefined) return networks;
    check.addIssue({
      code: "custom",
      message: `must be networks such as 10.20.0.0/16, comma-separated: ${wrong} is invalid`,
    });
    return z.NEVER;
  });
