import type { IncomingMessage } from "node:http";

/** Written by proxies, which run on the same machine now and then. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "via"] as const;

/** Whether a request comes from this machine, and not by a proxy from elsewhere. */
export function isLocalCaller({ headers, socket }: Pick<IncomingMessage, "headers" | "socket">): boolean {
  const address = socket.remoteAddress ?? "";
  const isLoopback = address === "::1" || /^(::ffff:)?127\./.test(address);
  return isLoopback && PROXY_HEADERS.every((name) => headers[name] === undefined);
}
