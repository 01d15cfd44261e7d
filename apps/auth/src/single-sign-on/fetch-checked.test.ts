import { once } from "node:events";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { AllowedNetworks } from "@tripline/http/egress/networks";
import { checkedFetch } from "./fetch-checked.js";

const BYTES_MAX = 524_288;
const get = { method: "GET", headers: {}, body: undefined, redirect: "manual" } as const;
let server: Server;
let url: string;
let body = Buffer.alloc(0);
let encoding: string | undefined;
let asked: string | undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked = request.headers["accept-encoding"];
    response.writeHead(200, encoding === undefined ? {} : { "content-encoding": encoding }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

const fetchOnce = (deadline = AbortSignal.timeout(5_000)) =>
  checkedFetch(new AllowedNetworks(["127.0.0.0/8"]), () => Promise.resolve([]), deadline)(url, get);

test("reads a response of the maximum size", async () => {
  [body, encoding] = [Buffer.alloc(BYTES_MAX - 1, "a"), undefined];
  expect((await (await fetchOnce()).arrayBuffer()).byteLength).toBe(BYTES_MAX - 1);
  expect(asked).toBe("identity");
});

test("rejects a larger response", async () => {
  [body, encoding] = [Buffer.alloc(BYTES_MAX + 1, "a"), undefined];
  await expect(fetchOnce()).rejects.toThrow();
});

test.each(["gzip", "br", "deflate"])("regression #30: rejects a response compressed with %s", async (name) => {
  [body, encoding] = [gzipSync(Buffer.alloc(64 * BYTES_MAX)), name];
  await expect(fetchOnce()).rejects.toMatchObject({ code: "provider-unavailable" });
});

test.each(["identity", "Identity"])("regression #30: accepts a response with the encoding %s", async (name) => {
  [body, encoding] = [Buffer.from("{}"), name];
  expect(await (await fetchOnce()).text()).toBe("{}");
});

test("regression #30: a single deadline applies to all requests", async () => {
  [body, encoding] = [Buffer.from("{}"), undefined];
  const deadline = new AbortController();
  expect((await fetchOnce(deadline.signal)).status).toBe(200);
  deadline.abort();
  await expect(fetchOnce(deadline.signal)).rejects.toThrow();
});
