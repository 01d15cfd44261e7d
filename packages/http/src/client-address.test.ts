import type { IncomingMessage } from "node:http";
import { isNetwork, TrustedProxies } from "./client-address.js";

const PROXIES = new TrustedProxies(["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"]);

describe("regression #24: a client's address", () => {
  test.each([
    ["for a client without a proxy", "203.0.113.9", undefined, "203.0.113.9"],
    ["for a client that claims another address", "203.0.113.9", "198.51.100.1", "203.0.113.9"],
    ["behind a proxy", "10.1.2.3", "198.51.100.1", "198.51.100.1"],
    ["behind a proxy on a dual-stack socket", "::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"],
    ["behind two proxies, with a forged entry", "192.0.2.7", "1.2.3.4, 198.51.100.1, 10.9.9.9", "198.51.100.1"],
    ["behind a proxy without the header", "10.1.2.3", undefined, "10.1.2.3"],
    ["behind a proxy with an invalid header", "10.1.2.3", "198.51.100.1, unknown", "10.1.2.3"],
    ["in an IPv6 network", "2001:db8:2:3:4:5:6:7", undefined, "2001:db8:2:3::/64"],
    ["in short IPv6 notation behind a proxy", "2001:db8:1::1", "2001:db8:9::5", "2001:db8:9:0::/64"],
    ["for a closed connection", undefined, "198.51.100.1", ""],
  ])("is recognised %s", (_case, remoteAddress, forwarded, expected) => {
    const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
    const socket = { remoteAddress } as IncomingMessage["socket"];
    expect(PROXIES.addressOf({ socket, headers })).toBe(expected);
    expect(new TrustedProxies([]).addressOf({ socket, headers: {} })).not.toBe("198.51.100.1");
  });

  test.each([
    ["10.0.0.0/8", true],
    ["::1", true],
    ["2001:db8::/129", false],
    ["10.0.0.0/33", false],
    ["10.0.0.0/8/8", false],
    ["proxy.example", false],
  ])("validates the network %s", (text, expected) => {
    expect(isNetwork(text)).toBe(expected);
  });
});
