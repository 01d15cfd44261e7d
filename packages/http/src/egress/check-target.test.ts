import { createSocket } from "node:dgram";
import { once } from "node:events";
import { checkTarget, dnsResolve } from "./check-target.js";
import { AllowedNetworks, allowedNetworks, isPublic } from "./networks.js";

const none = new AllowedNetworks([]);
const resolvesTo =
  (...addresses: string[]) =>
  async () =>
    addresses;

test.each([
  ["https://hooks.example.com/a?b=c", ["203.0.114.7"]],
  ["https://hooks.example.com:8443/", ["203.0.114.7", "2a00:1450:4001::5"]],
  ["https://8.8.8.8/", []],
  ["https://[2a00:1450:4001::5]/", []],
])("accepts %s at %j", async (url, addresses) => {
  const target = await checkTarget(url, none, resolvesTo(...addresses));
  expect(target.address).toBe(addresses[0] ?? target.url.hostname.replace(/[[\]]/g, ""));
});

test.each([
  ["no URL", "hooks.example.com", "203.0.114.7"],
  ["plain HTTP", "http://hooks.example.com/", "203.0.114.7"],
  ["another protocol", "file:///etc/passwd", "203.0.114.7"],
  ["a password", "https://ada:secret@hooks.example.com/", "203.0.114.7"],
  ["a fragment", "https://hooks.example.com/#a", "203.0.114.7"],
  ["the port of SMTP", "https://hooks.example.com:25/", "203.0.114.7"],
  ["a private address behind a name", "https://hooks.example.com/", "10.0.0.7"],
  ["loopback in decimal digits", "https://2130706433/", ""],
  ["loopback in hexadecimal digits", "https://0x7f.1/", ""],
  ["loopback in octal digits", "https://0177.0.0.1/", ""],
  ["loopback of IPv6", "https://[::1]/", ""],
  ["an IPv4-mapped IPv6 address", "https://[::ffff:127.0.0.1]/", ""],
  ["an IPv4-mapped IPv6 address behind a name", "https://hooks.example.com/", "::ffff:10.0.0.1"],
  ["metadata", "https://169.254.169.254/latest/meta-data", ""],
  ["metadata of Azure", "https://168.63.129.16/", ""],
  ["metadata of AWS over IPv6", "https://[fd00:ec2::254]/", ""],
])("refuses %s", async (_what, url, address) => {
  const refused = checkTarget(url, none, resolvesTo(address));
  await expect(refused).rejects.toMatchObject({ code: "webhook-url-refused", fields: [{ pointer: "/url" }] });
  // Internal addresses are not shown.
  if (address !== "") await expect(refused).rejects.not.toThrow(address);
});

test("refuses a host with a private address, and a host without an address", async () => {
  const check = (...addresses: string[]) => checkTarget("https://a.example/", none, resolvesTo(...addresses));
  await expect(check("203.0.114.7", "192.168.1.1")).rejects.toMatchObject({ code: "webhook-url-refused" });
  await expect(check()).rejects.toMatchObject({ code: "webhook-url-refused" });
  const failing = checkTarget("https://a.example/", none, () => Promise.reject(new Error("ENOTFOUND")));
  await expect(failing).rejects.toMatchObject({ code: "webhook-url-refused" });
});

test("an internal name is refused with the same message as a nonexistent name", async () => {
  const sentence = "Its host name must resolve to public addresses only.";
  for (const resolve of [resolvesTo("10.0.0.7"), resolvesTo(), () => Promise.reject(new Error("ENOTFOUND"))]) {
    await expect(checkTarget("https://a.example/", none, resolve)).rejects.toThrow(sentence);
  }
});

test("DNS queries resolve names to every address without occupying a thread", async () => {
  const [A, AAAA] = [1, 28];
  const server = createSocket("udp4");
  const asked: number[] = [];
  server.on("message", (query, { port }) => {
    // A query is a header, name, type and class. The answer repeats it, and its record points to the name.
    const end = query.indexOf(0, 12) + 1;
    const type = query.readUInt16BE(end);
    asked.push(type);
    const data = Buffer.from(type === A ? "0a000007" : "2a000000000000000000000000000001", "hex");
    const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
    const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    server.send(Buffer.concat([header, query.subarray(12, end + 4), record, data]), port);
  });
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const resolve = dnsResolve([`127.0.0.1:${server.address().port}`]);
  await expect(resolve("hooks.example.com")).resolves.toEqual(["10.0.0.7", "2a00::1"]);
  expect(asked.toSorted((left, right) => left - right)).toEqual([A, AAAA]);
  server.close();
});

test("an allowed network may be private and without TLS, and no other network becomes reachable", async () => {
  const allowed = new AllowedNetworks(["10.20.0.0/16", "fd12::/16"]);
  const check = (url: string, address: string) => checkTarget(url, allowed, resolvesTo(address));
  await expect(check("http://hooks.internal:8080/", "10.20.3.4")).resolves.toMatchObject({ address: "10.20.3.4" });
  await expect(check("http://[fd12::1]:8080/", "")).resolves.toMatchObject({ address: "fd12::1" });
  for (const address of ["10.21.0.1", "::ffff:10.20.3.4", "127.0.0.1", "203.0.114.7"]) {
    await expect(check("http://hooks.internal/", address)).rejects.toMatchObject({ code: "webhook-url-refused" });
  }
});

test.each([
  ...["0.1.2.3", "10.255.255.255", "100.64.0.1", "127.8.9.1", "169.254.0.1", "172.31.255.255", "192.0.0.192"],
  ...["192.168.0.1", "198.19.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1"],
  ...["ff02::1", "64:ff9b::a00:1", "2001::1", "2001:db8::1", "2002:a00:1::1", "::ffff:8.8.8.8", "localhost", ""],
])("%s is not public", (address) => {
  expect(isPublic(address)).toBe(false);
});

test.each(["1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "2a00::1"])(
  "%s is public",
  (address) => {
    expect(isPublic(address)).toBe(true);
  },
);

test("the setting accepts networks, and the error quotes an invalid one", () => {
  expect(allowedNetworks.parse(" 10.0.0.0/8, fd00::/8 ,")).toEqual(["10.0.0.0/8", "fd00::/8"]);
  expect(allowedNetworks.parse(undefined)).toEqual([]);
  for (const wrong of ["10.0.0.0", "10.0.0.0/33", "fd00::/129", "hooks/8"]) {
    const { error } = allowedNetworks.safeParse(`10.0.0.0/8,${wrong}`);
    expect(error?.issues[0]?.message).toContain(wrong);
  }
});
