import { once } from "node:events";
import type { RequestListener, Server } from "node:http";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { BenchError } from "../harness/bench-error.js";
import { driveLoad } from "./drive-load.js";

let servers: Server[];

beforeEach(() => {
  servers = [];
});

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}

/** The test's own time limit bounds it. */
async function untilNobodyIsConnected(): Promise<void> {
  const connections = (server: Server) => promisify(server.getConnections.bind(server))();
  while ((await Promise.all(servers.map(connections))).some((count) => count > 0)) await delay(10);
}

const load = (urls: string[]) => ({ urls, path: "/read", bodies: ["1", "2", "3"], connections: 4, durationMs: 100 });

test("keeps every connection open, and sends the bodies in turn", async () => {
  const asked: string[] = [];
  const ports = new Set<number | undefined>();
  const url = await serve(async (request, response) => {
    ports.add(request.socket.remotePort);
    asked.push(`${request.method} ${request.url} ${request.headers["content-type"]} ${await text(request)}`);
    response.end("{}");
  });
  const { requests, p50Ms, p99Ms } = await driveLoad(load([url]));
  expect(requests).toBeGreaterThanOrEqual(4);
  expect(asked).toHaveLength(requests);
  expect(ports.size).toBe(4);
  const counts = ["1", "2", "3"].map((body) => asked.filter((line) => line === `POST /read application/json ${body}`));
  expect(counts.reduce((sum, { length }) => sum + length, 0)).toBe(requests);
  const lengths = counts.map(({ length }) => length);
  expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
  expect(p50Ms).toBeGreaterThan(0);
  expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
});

test("servers share the connections evenly", async () => {
  const ports = [new Set<number | undefined>(), new Set<number | undefined>()];
  const urls = await Promise.all(
    ports.map((seen) =>
      serve((request, response) => {
        seen.add(request.socket.remotePort);
        response.end("{}");
      }),
    ),
  );
  await driveLoad(load(urls));
  expect(ports.map(({ size }) => size)).toEqual([2, 2]);
});

test("a response other than 200 ends the run on all connections", async () => {
  let count = 0;
  const url = await serve((_request, response) => {
    count += 1;
    response.writeHead(count === 7 ? 503 : 200).end("{}");
  });
  await expect(driveLoad({ ...load([url]), durationMs: 3_600_000 })).rejects.toThrow(
    new BenchError("/read returned 503 under load."),
  );
  await untilNobodyIsConnected();
});

test("a broken connection ends the run", async () => {
  const url = await serve((request) => request.socket.destroy());
  await expect(driveLoad(load([url]))).rejects.toThrow(/^\/read failed under load: /);
});
