import type { IncomingMessage } from "node:http";

/** Set by proxies, some of which run on the same machine. */
const PROXY_HEADER =
  /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-(original|client|cluster-client|envoy|amzn|arr)-.*|true-client-ip|cf-.*|fly-.*|cdn-loop)$/;
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/**
 * Whether a request comes from this machine and not through a proxy: its Host is this machine, it uses HTTP/1.1, which
 * some proxies do not use by default, and it has no proxy header.
 */
export function isLocalCaller({
  headers,
  httpVersionMajor,
  httpVersionMinor,
  socket,
}: Pick<IncomingMessage, "headers" | "httpVersionMajor" | "httpVersionMinor" | "socket">): boolean {
  const address = socket.remoteAddress ?? "";
  const isLoopback = address === "::1" || /^(::ffff:)?127\./.test(address);
  if (!isLoopback || !LOOPBACK_HOST.test(headers.host ?? "")) return false;
  if (httpVersionMajor === 1 && httpVersionMinor === 0) return false;
  return !Object.keys(headers).some((name) => PROXY_HEADER.test(name));
}
