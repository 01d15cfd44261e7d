import Fastify from "fastify";
import { counter, gauge, histogram, labelledGauge } from "./metrics.js";
import { countRequest, countRequests } from "./request-durations.js";
import type { Telemetry } from "./telemetry.js";
import { startTelemetry } from "./telemetry.js";
import type { Sample } from "./testing/open-metrics.js";
import { readOpenMetrics } from "./testing/open-metrics.js";
import { serveMetrics, writeMetrics } from "./write-metrics.js";

const OPEN = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
const OPEN_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const server = Fastify();
let telemetry: Telemetry;
let url: string;

beforeAll(async () => {
  telemetry = startTelemetry({ service: "orders" });
  countRequests(server);
  server.get("/orders/:id", () => "one");
  server.get("/broken", (_request, reply) => reply.status(503).send());
  server.get("/metrics", (request, reply) => {
    reply.hijack();
    serveMetrics(request.raw, reply.raw);
  });
  url = await server.listen({ host: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  await server.close();
  await telemetry.shutdown();
});

async function samples(): Promise<Sample[]> {
  return readOpenMetrics((await writeMetrics(OPEN)).body);
}

/** The value of the only sample with these labels, and possibly others. */
async function measured(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
  const found = (await samples()).filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  expect(found.length).toBeLessThan(2);
  return found[0]?.value;
}

test("writes valid OpenMetrics for any labels, and the same numbers in both formats", async () => {
  const orders = counter("test_orders_total", { description: 'A "number"\nof\\orders', labels: ["buyer"] });
  orders.inc({ buyer: 'a "b"\\c\nd' });
  orders.inc({ buyer: "" }, 2);
  counter("test_unused_total", { description: "Never counted", labels: ["why"] });
  histogram("test_wait_seconds", { description: "Waits" }).observe(0.004);
  gauge("test_open", { description: "Open orders" }, () => 3);
  countRequest("POST", "/orders", 201, 0.02);

  expect(await measured("test_orders_total", { buyer: 'a "b"\\c\nd' })).toBe(1);
  expect(await measured("test_wait_seconds_bucket", { le: "0.005" })).toBe(1);
  expect(await measured("test_open")).toBe(3);
  // The library renames counters when it writes OpenMetrics, and must not do so for the other format.
  for (const accept of [OPEN, undefined, OPEN, undefined]) {
    const { body } = await writeMetrics(accept);
    expect(body).toMatch(/^test_orders_total\{buyer=""\} 2$/m);
    expect(body).toMatch(
      accept === undefined ? /^# TYPE test_orders_total counter$/m : /^# TYPE test_orders counter$/m,
    );
  }
});

test("regression #24: reports CPU time, memory and resource, and no gauge named like a counter", async () => {
  expect(await measured("process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(await measured("process_resident_memory_bytes")).toBeGreaterThan(1e6);
  expect(await measured("nodejs_eventloop_lag_p99_seconds")).toBeGreaterThanOrEqual(0);
  expect(await measured("target_info", { service_name: "orders" })).toBe(1);
});

test("a gauge with several readers shows each value until its reader ends", async () => {
  const read = (shop: string) => () => [[1, { shop }]] as const;
  const options = { description: "Shops", labels: ["shop"] } as const;
  const end = labelledGauge("test_shops", options, read("a"));
  labelledGauge("test_shops", options, read("b"));
  expect(await measured("test_shops", { shop: "a" })).toBe(1);
  end();
  expect(await measured("test_shops", { shop: "a" })).toBeUndefined();
  expect(await measured("test_shops", { shop: "b" })).toBe(1);
});

test("reports HTTP requests in the standard metric, by route and not by URL", async () => {
  for (const path of ["/orders/1", "/orders/2?a=b", "/broken", "/nowhere/4111111111111111"]) {
    await (await fetch(`${url}${path}`)).arrayBuffer();
  }
  const name = "http_server_request_duration_seconds";
  const common = { http_request_method: "GET", url_scheme: "http" };
  const order = { ...common, http_route: "/orders/:id", http_response_status_code: "200" };
  expect(await measured(`${name}_count`, order)).toBe(2);
  expect(await measured(`${name}_bucket`, { ...order, le: "10" })).toBe(2);
  expect(await measured(`${name}_sum`, order)).toBeGreaterThan(0);
  expect(await measured(`${name}_count`, { ...common, http_route: "/broken", error_type: "503" })).toBe(1);
  expect(await measured(`${name}_count`, { ...common, http_response_status_code: "404" })).toBe(1);
  expect((await writeMetrics()).body).not.toContain("4111111111111111");
  const bounds = (await samples())
    .filter(({ labels }) => labels.http_route === "/broken")
    .map(({ labels }) => labels.le);
  const wanted = "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf";
  expect(bounds.filter((bound) => bound !== undefined)).toEqual(wanted.split(" "));
});

test("unknown HTTP methods create no series of their own", async () => {
  for (const method of ["BREW", "PROPFIND"]) countRequest(method, undefined, 404, 0);
  expect(await measured("http_server_request_duration_seconds_count", { http_request_method: "_OTHER" })).toBe(2);
});

const asked: [string, string | undefined, string][] = [
  ["Prometheus", OPEN, OPEN_TYPE],
  ["a client that accepts only OpenMetrics", "application/openmetrics-text", OPEN_TYPE],
  ["a browser", "text/html,application/xhtml+xml,*/*;q=0.8", PLAIN_TYPE],
  ["a client that prefers plain text", "application/openmetrics-text;q=0.2, text/plain;q=0.9", PLAIN_TYPE],
  ["a client that excludes OpenMetrics", "application/openmetrics-text;q=0, */*", PLAIN_TYPE],
  ["a client without preferences", undefined, PLAIN_TYPE],
];
test.each(asked)("%s gets the format that it accepts", async (_name, accept, contentType) => {
  const answer = await fetch(`${url}/metrics`, { headers: accept === undefined ? {} : { accept } });
  expect(answer.headers.get("content-type")).toBe(contentType);
  const body = await answer.text();
  expect(body.endsWith("# EOF\n")).toBe(contentType === OPEN_TYPE);
});
