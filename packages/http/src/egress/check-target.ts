import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import type { ErrorCode } from "@tripline/contracts/error-table";
import { TriplineError } from "@tripline/contracts/error-table";
import type { AllowedNetworks } from "./networks.js";
import { isPublic } from "./networks.js";

/** Resolves a name to all its addresses. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** The target of a request, which connects to this address even if the name later resolves to another one. */
export interface CheckedTarget {
  readonly url: URL;
  readonly address: string;
}

/** Why a URL is refused, and the error that reports it. */
interface Refusal {
  readonly code: Extract<ErrorCode, `${string}-url-refused`>;
  /** The field of the request that contains the URL. */
  readonly pointer: string;
}

const OF_WEBHOOK: Refusal = { code: "webhook-url-refused", pointer: "/url" };

const RESOLVE_MS_MAX = 5_000;
/** Timeout of an attempt to reach a DNS server, and the number of attempts. */
const QUERY = { timeout: 2_000, tries: 2 };
const URL_CHARACTERS_MAX = 2_048;
/** Other ports below 1024 belong to services such as SSH and SMTP. */
const PRIVILEGED_PORTS: ReadonlySet<number> = new Set([80, 443]);
const UNPRIVILEGED_PORT = 1_024;

/**
 * Sends its own DNS queries. The system's resolver occupies a thread of Node's pool until it gets an answer, so a
 * tenant's unresponsive DNS servers could block the whole process. Entries in /etc/hosts are ignored.
 *
 * @param servers `host:port`; by default, the system's DNS servers
 */
export function dnsResolve(servers?: readonly string[]): Resolve {
  const resolver = new Resolver(QUERY);
  if (servers !== undefined) resolver.setServers(servers);
  return async (host) => {
    const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    return found.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  };
}

/**
 * Prevents server-side request forgery through a tenant's URL. Every address of its host must be public or in a network
 * that the installation allows. Only hosts in allowed networks may use plain HTTP.
 *
 * @returns the address to connect to
 * @throws TriplineError with the code of `refusal`, without the addresses, which may be internal
 */
export async function checkTarget(
  text: string,
  allowed: AllowedNetworks,
  resolve: Resolve,
  { code, pointer }: Refusal = OF_WEBHOOK,
): Promise<CheckedTarget> {
  const refused = (detail: string): TriplineError => new TriplineError(code, detail, [{ pointer, detail }]);
  const url = parseUrl(text, refused);
  const addresses = await addressesOf(url, resolve);
  const [address] = addresses;
  // Both cases have the same message, because a difference would reveal which internal names exist.
  if (address === undefined || !addresses.every((one) => isPublic(one) || allowed.has(one))) {
    throw refused("Its host name must resolve to public addresses only.");
  }
  if (url.protocol === "http:" && !addresses.every((one) => allowed.has(one))) {
    throw refused("It must start with https://.");
  }
  return { url, address };
}

/** @throws the error of `refused` */
function parseUrl(text: string, refused: (detail: string) => TriplineError): URL {
  // The URL parser also converts other forms of IPv4 addresses, such as 0x7f000001, to dotted decimal.
  if (text.length > URL_CHARACTERS_MAX || !URL.canParse(text)) throw refused("It is not a valid URL.");
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refused("It must start with https://.");
  if (url.username !== "" || url.password !== "") throw refused("It must not contain a user name or a password.");
  if (url.hash !== "") throw refused("It must not contain a fragment.");
  const port = url.port === "" ? 443 : Number(url.port);
  if (port < UNPRIVILEGED_PORT && !PRIVILEGED_PORTS.has(port)) throw refused(`Its port ${port} is not allowed.`);
  return url;
}

/** The host without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.+)\]$/, "$1");
}

async function addressesOf(url: URL, resolve: Resolve): Promise<readonly string[]> {
  const host = hostOf(url);
  if (isIP(host) !== 0) return [host];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly string[]>((done) => {
    timer = setTimeout(done, RESOLVE_MS_MAX, []);
  });
  try {
    return await Promise.race([resolve(host), late]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}
