import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { OnApplicationShutdown } from "@nestjs/common";
import { Controller, Get, Inject, Module, Post } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { prepareProblem } from "@tripline/http/problem";
import type { Logger } from "@tripline/telemetry/logger";
import { createLogger } from "@tripline/telemetry/logger";
import { closeWithin } from "./close-within.js";
import { HttpServer } from "./http/http-server.js";
import { Readiness } from "./readiness.js";
import { LOGGER } from "./service.module.js";
import type { RunningService } from "./start-service.js";
import { startService } from "./start-service.js";

@Controller()
class FaultyController {
  @Get("/known")
  known(): never {
    throw new TriplineError("kafka-unavailable", "The broker is down.");
  }
  @Get("/unknown")
  unknown(): never {
    throw new Error("secret connection string");
  }
  @Post("/body")
  body(): { fine: true } {
    return { fine: true };
  }
}

let broken = false;
const closed: string[] = [];

@Module({ controllers: [FaultyController] })
class FaultyModule implements OnApplicationShutdown {
  constructor(
    @Inject(Readiness) readiness: Readiness,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    // A library's error message.
    readiness.add("cache", () => {
      if (broken) throw new Error("Stream isn't writeable and enableOfflineQueue options is false");
    });
    readiness.add("store", () => {
      if (broken) throw new TriplineError("store-unavailable", "The store is down.");
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await closeWithin(this.logger, "first", () => closed.push("first"));
    await closeWithin(this.logger, "fails", () => Promise.reject(new Error("no")));
    await closeWithin(this.logger, "last", () => closed.push("last"));
  }
}

/** Has the same check as `FaultyModule`, and it always fails. */
@Module({})
class StoreModule {
  constructor(@Inject(Readiness) readiness: Readiness) {
    readiness.add("store", () => {
      throw new TriplineError("store-unavailable", "The store is down.");
    });
  }
}

describe("startService", () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await startService({
      name: "faulty",
      port: 0,
      host: "127.0.0.1",
      logger: createLogger("faulty", "silent"),
      module: FaultyModule,
      bodyLimitBytes: 64,
    });
  });

  test("answers with a known error's code, status and Retry-After", async () => {
    const response = await fetch(`${service.url}/known`);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("2");
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(await response.json()).toMatchObject({ code: "kafka-unavailable", detail: "The broker is down." });
  });

  test.each([
    ["text", "/body", { note: "card 4111 1111 1111 1111" }, "/note"],
    ["a number", "/body", { deep: [{ id: 4111111111111111 }] }, "/deep/0/id"],
    ["digits of another script", "/body", { n: "４１１１１１１１１１１１１１１１" }, "/n"],
    ["a field name", "/body", { "4111111111111111": 1 }, ""],
    ["the query", "/body?q=4111111111111111", {}, "/q"],
  ])("regression #24: rejects a card number in %s on any route", async (_what, path, body, pointer) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(service.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toMatchObject([422, { code: "invalid-field", errors: [{ pointer }] }]);
    expect(text).not.toContain("1111");
  });

  test.each([
    ["the body", "/body", { deep: ["a\0b"] }, "/deep/0"],
    ["the query", "/body?after=%00", {}, "/after"],
  ])("regression #24: rejects U+0000 in %s on any route", async (_what, path, body, pointer) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(service.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    expect([response.status, await response.json()]).toMatchObject([
      422,
      { code: "invalid-field", errors: [{ pointer }] },
    ]);
  });

  test("regression #24: accepts card-like fractions, and card-like values that are never stored", async () => {
    const body = JSON.stringify({ password: "4111111111111111", x: 0.4111111111111111 });
    const headers = { "content-type": "application/json" };
    expect((await fetch(`${service.url}/body`, { method: "POST", headers, body })).status).toBe(201);
  });

  test("shows no internal details of an unknown error", async () => {
    const response = await fetch(`${service.url}/unknown`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
  });

  const bodies: [string, string, string, number, string][] = [
    ["broken JSON", "{", "application/json", 400, "malformed-json"],
    ["a large body", JSON.stringify({ a: "x".repeat(100) }), "application/json", 413, "body-too-large"],
    ["another content type", "<a/>", "application/xml", 415, "unsupported-media-type"],
  ];
  test.each(bodies)("answers %s with a problem document", async (_name, body, contentType, status, code) => {
    const response = await fetch(`${service.url}/body`, {
      method: "POST",
      body,
      headers: { "content-type": contentType },
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });

  test("readiness reports missing dependencies; liveness does not check them", async () => {
    broken = true;
    const ready = await fetch(`${service.url}/health/ready`);
    expect(ready.status).toBe(503);
    const checks = { store: "The store is down.", cache: "The check failed." };
    expect(await ready.json()).toEqual({ status: "not-ready", checks });
    expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
    broken = false;
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
  });

  test("each scrape runs the readiness checks, and the next one shows their results", async () => {
    const scrape = async () => (await fetch(`${service.url}/metrics`)).text();
    expect(await scrape()).toContain('tripline_readiness_failing{service="faulty",check="store"} 0');
    broken = true;
    while (!(await scrape()).includes('tripline_readiness_failing{service="faulty",check="store"} 1')) await delay(10);
    broken = false;
    while (!(await scrape()).includes('tripline_readiness_failing{service="faulty",check="store"} 0')) await delay(10);
  });

  test("regression #26: services of one process do not overwrite each other's readiness", async () => {
    const other = await startService({
      name: "other",
      port: 0,
      host: "127.0.0.1",
      logger: createLogger("other", "silent"),
      module: StoreModule,
    });
    const failing = 'tripline_readiness_failing{service="other",check="store"} 1';
    let metrics = "";
    while (!metrics.includes(failing)) metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(metrics).toContain('tripline_readiness_failing{service="faulty",check="store"} 0');
    await other.close();
  });

  test("a draining service is not ready, still responds, and closes connections", async () => {
    expect((await fetch(`${service.url}/health/live`)).headers.get("connection")).toBe("keep-alive");
    service.drain();
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(503);
    const answer = await fetch(`${service.url}/body`, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(answer.headers.get("connection")).toBe("close");
    expect(await answer.json()).toEqual({ fine: true });
  });

  test("closing runs every step once, in order, even after one failed", async () => {
    await Promise.all([service.close(), service.close()]);
    expect(closed).toEqual(["first", "last"]);
    await expect(fetch(`${service.url}/health/live`)).rejects.toThrow();
  });
});

@Module({ controllers: [FaultyController] })
class FullModule {
  constructor(@Inject(HttpServer) server: HttpServer) {
    const problem = prepareProblem(new TriplineError("too-many-requests", "There is no room."));
    server.shedLoadBy(({ headers }) => (headers.prefer === undefined ? undefined : problem));
  }
}

describe("rejecting requests early", () => {
  test("rejects the given requests without reading them, and keeps the connection open", async () => {
    const service = await startService({
      name: "full",
      port: 0,
      host: "127.0.0.1",
      logger: createLogger("full", "silent"),
      module: FullModule,
    });
    const socket = connect(Number(new URL(service.url).port), "127.0.0.1").setEncoding("utf8");
    try {
      const body = "this is not JSON";
      const head = `POST /body HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`;
      socket.write(`${head}prefer: wait=1\r\n\r\n${body}`);
      const [refused] = await once(socket, "data");
      expect(refused).toMatch(/^HTTP\/1\.1 429 /);
      expect(refused).toMatch(/\r\nretry-after: 1\r\n/);
      expect(refused).toContain('"code":"too-many-requests"');
      socket.write(`${head}\r\n${body}`);
      const [read] = await once(socket, "data");
      expect(read).toMatch(/^HTTP\/1\.1 400 /);
      expect(read).toContain('"code":"malformed-json"');
    } finally {
      socket.destroy();
      await service.close();
    }
  });
});
