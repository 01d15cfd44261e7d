import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

/** Maximum number of `X-Forwarded-For` entries read, from the right; no chain of proxies is longer. */
const FORWARDED_MAX = 20;
/** Providers assign a whole /64 to one customer, who can use any address in it. */
const IPV6_GROUPS = 4;

/** Proxies whose forwarded client address is trusted. */
export class TrustedProxies {
  readonly #proxies = new BlockList();

  /** @param networks addresses or CIDR blocks, each as `isNetwork` accepts it */
  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = "", bits] = network.split("/");
      const family = isIP(address) === 6 ? "ipv6" : "ipv4";
      if (bits === undefined) this.#proxies.addAddress(address, family);
      else this.#proxies.addSubnet(address, Number(bits), family);
    }
  }

  /**
   * The client's address: the peer of the connection, or the address that trusted proxies forward. Entries are read
   * from the right, because clients can prepend anything. An IPv6 address is shortened to its /64.
   */
  addressOf({ socket, headers }: Pick<IncomingMessage, "socket" | "headers">): string {
    let address = plainAddress(socket.remoteAddress ?? "");
    const forwarded = [headers["x-forwarded-for"] ?? []].flat().join(",").split(",").slice(-FORWARDED_MAX);
    while (this.#isProxy(address) && forwarded.length > 0) {
      const before = plainAddress((forwarded.pop() ?? "").trim());
      if (isIP(before) === 0) break;
      address = before;
    }
    return isIP(address) === 6 ? networkOf(address) : address;
  }

  #isProxy(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#proxies.check(address, family === 6 ? "ipv6" : "ipv4");
  }
}

/** Whether a text is an address or a CIDR block. */
export function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32));
}

/** Converts an IPv4-mapped IPv6 address, as a dual-stack socket reports it, to IPv4. */
const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");

function networkOf(address: string): string {
  const [head = "", tail] = address.split("%", 1)[0]?.toLowerCase().split("::") ?? [];
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return `${groups.slice(0, IPV6_GROUPS).join(":")}::/64`;
}
