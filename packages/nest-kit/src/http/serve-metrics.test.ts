import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import { RawClient, startTestService } from "../testing/service.js";
import { isLocalCaller } from "./is-local-caller.js";

const requestFrom = (
  remoteAddress: string | undefined,
  headers: IncomingHttpHeaders = { host: "127.0.0.1:7400" },
  httpVersionMinor = 1,
): IncomingMessage => {
  const request: unknown = { headers, httpVersionMajor: 1, httpVersionMinor, socket: { remoteAddress } };
  return request as IncomingMessage;
};

describe("metrics", () => {
  test("regression #12: are served on a separate port, and not on the API's", async () => {
    const telemetry = startTelemetry({ service: "guarded" });
    const service = await startTestService({ metricsPort: 0, limits: { headersTimeoutMs: 300 } });
    try {
      const { metricsUrl = "" } = service;
      const dripping = new RawClient({ url: metricsUrl }).write("GET /metrics HTTP/1.1\r\n");
      expect(await dripping.drip("a", 20)).toMatch(/^HTTP\/1\.1 408 /);
      const metrics = await fetch(`${metricsUrl}/metrics`);
      expect(metrics.status).toBe(200);
      expect(await metrics.text()).toMatch(/^tripline_http_refused_total\{cause="slow"[^}]*\} 1$/m);
      for (const url of [`${service.url}/metrics`, `${metricsUrl}/health/live`, `${metricsUrl}/body`]) {
        const answer = await fetch(url);
        expect(answer.status).toBe(404);
        expect(await answer.json()).toMatchObject({ code: "not-found" });
      }
      const posted = await fetch(`${metricsUrl}/metrics`, { method: "POST" });
      expect(posted.status).toBe(405);
      expect(posted.headers.get("allow")).toBe("GET, HEAD");
      expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
      await service.close();
      await expect(fetch(`${metricsUrl}/metrics`)).rejects.toThrow();
    } finally {
      await service.close();
      await telemetry.shutdown();
    }
  });

  test("are served only to this machine if they share the API's port", async () => {
    const service = await startTestService();
    try {
      expect((await fetch(`${service.url}/metrics`)).status).toBe(200);
      for (const header of ["forwarded", "x-forwarded-for", "via"]) {
        const answer = await fetch(`${service.url}/metrics`, { headers: { [header]: "192.0.2.7" } });
        expect(answer.status).toBe(404);
        expect(await answer.json()).toMatchObject({ code: "not-found" });
      }
    } finally {
      await service.close();
    }
  });

  const callers: [address: string | undefined, isLocal: boolean][] = [
    ["127.0.0.1", true],
    ["127.8.9.10", true],
    ["::1", true],
    ["::ffff:127.0.0.1", true],
    ["::ffff:10.0.0.1", false],
    ["10.127.0.1", false],
    ["192.0.2.7", false],
    ["::127", false],
    [undefined, false],
  ];
  test.each(callers)("whether a caller at %s is local: %s", (remoteAddress, isLocal) => {
    expect(isLocalCaller(requestFrom(remoteAddress))).toBe(isLocal);
  });

  test.each<[what: string, headers: IncomingHttpHeaders, minor: number, isLocal: boolean]>([
    ["no proxy", { host: "127.0.0.1:7400" }, 1, true],
    ["no proxy, over IPv6", { host: "[::1]:7400" }, 1, true],
    ["a proxy that keeps the host", { host: "pay.example.com" }, 1, false],
    ["a proxy that sends a host similar to this machine's", { host: "localhost.example.com" }, 1, false],
    ["a proxy with HTTP/1.0, nginx's default", { host: "127.0.0.1:7400" }, 0, false],
    ["a proxy with X-Real-IP", { host: "127.0.0.1", "x-real-ip": "192.0.2.7" }, 1, false],
    ["a proxy with only X-Forwarded-Proto", { host: "localhost", "x-forwarded-proto": "https" }, 1, false],
    ["a cloud's proxy", { host: "localhost", "cf-connecting-ip": "192.0.2.7" }, 1, false],
    ["no host", {}, 1, false],
  ])("regression #24: distinguishes a request by %s", (_what, headers, minor, isLocal) => {
    expect(isLocalCaller(requestFrom("127.0.0.1", headers, minor))).toBe(isLocal);
  });

  test("a service whose port is in use closes its metrics port", async () => {
    const first = await startTestService({ metricsPort: 0 });
    try {
      const port = Number(new URL(first.url).port);
      await expect(startTestService({ port, metricsPort: 0 })).rejects.toThrow("EADDRINUSE");
      const taken = Number(new URL(first.metricsUrl ?? "").port);
      await expect(startTestService({ metricsPort: taken })).rejects.toThrow("EADDRINUSE");
    } finally {
      await first.close();
    }
  });
});
