import type { Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { ArrivalFigures } from "./drive-arrivals.js";
import { driveArrivals } from "./drive-arrivals.js";
import type { PreparedRequest } from "./make-requests.js";

/** Much longer than twenty responses take, even on a machine that stalls for a second. */
const RETRY_AFTER_S = 4;

let server: Server;
let port: number;
let answer: (id: string, response: ServerResponse) => void | Promise<void>;
let underWay = 0;
let underWayMax = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", async () => {
      underWay += 1;
      underWayMax = Math.max(underWayMax, underWay);
      const body: { transaction_id: string } = JSON.parse(text);
      await answer(body.transaction_id, response);
      underWay -= 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" ? (address?.port ?? 0) : 0;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  underWayMax = 0;
  answer = (id, response) => json(response, 200, { transaction_id: id, rung: "model" });
});

function json(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-length": Buffer.byteLength(text), ...headers }).end(text);
}

function requests(count: number): PreparedRequest[] {
  return Array.from({ length: count }, (_, index) => {
    const transactionId = `payment-${index}`;
    const body = JSON.stringify({ transaction_id: transactionId });
    const head = `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}`;
    return { transactionId, bytes: Buffer.from(`${head}\r\n\r\n${body}`) };
  });
}

const counts = ({ sent, decided, degraded, pending, refused, failed }: ArrivalFigures) => ({
  sent,
  decided,
  degraded,
  pending,
  refused,
  failed,
});

test("sends every request once and counts its response", async () => {
  const figures = await driveArrivals({ port, requests: requests(200), ratePerSecond: 2_000, connectionsMax: 8 });
  expect(counts(figures)).toEqual({ sent: 200, decided: 200, degraded: 0, pending: 0, refused: 0, failed: 0 });
  expect(figures.latenciesMs).toHaveLength(200);
  expect(figures.answeredAtMs).toHaveLength(200);
});

test("groups responses by kind, and counts a response to another payment as failed", async () => {
  const id = `txn_${"0".repeat(32)}`;
  const answers: ((payment: string, response: ServerResponse) => void)[] = [
    (payment, response) => json(response, 200, { transaction_id: payment, rung: "model" }),
    (payment, response) => json(response, 200, { transaction_id: payment, rung: "rules_only" }),
    (_payment, response) => json(response, 200, { transaction_id: "another", rung: "model" }),
    (_payment, response) => json(response, 202, { id }),
    (_payment, response) => json(response, 429, {}, { "retry-after": "1" }),
    (_payment, response) => json(response, 503, {}),
  ];
  answer = (payment, response) => answers[Number(payment.split("-")[1])]?.(payment, response);
  const figures = await driveArrivals({ port, requests: requests(6), ratePerSecond: 1_000, connectionsMax: 6 });
  expect(counts(figures)).toEqual({ sent: 6, decided: 1, degraded: 1, pending: 1, refused: 1, failed: 2 });
  expect(figures.pendingIds).toEqual([id]);
  expect(figures.fault).toMatch(/another|503/);
});

test("latency in an open model includes the wait for a free connection", async () => {
  answer = async (id, response) => {
    await delay(40);
    json(response, 200, { transaction_id: id, rung: "model" });
  };
  const figures = await driveArrivals({ port, requests: requests(10), ratePerSecond: 1_000, connectionsMax: 1 });
  expect(underWayMax).toBe(1);
  // The last of ten requests waits for the other nine, which take 40 ms each.
  expect(Math.max(...figures.latenciesMs)).toBeGreaterThan(300);
});

test("a closed model keeps as many requests in flight as there are connections", async () => {
  answer = async (id, response) => {
    await delay(5);
    json(response, 200, { transaction_id: id, rung: "model" });
  };
  const figures = await driveArrivals({ port, requests: requests(50), ratePerSecond: 0, connectionsMax: 5 });
  expect(figures.decided).toBe(50);
  expect(underWayMax).toBe(5);
});

test("a rejected caller in a closed model waits for the time in Retry-After while the others continue", async () => {
  answer = (id, response) => {
    if (id === "payment-0") json(response, 429, {}, { "retry-after": String(RETRY_AFTER_S) });
    else json(response, 200, { transaction_id: id, rung: "model" });
  };
  const startedAtMs = performance.now();
  const figures = await driveArrivals({ port, requests: requests(20), ratePerSecond: 0, connectionsMax: 2 });
  expect(counts(figures)).toMatchObject({ sent: 20, decided: 19, refused: 1 });
  // The other connection returned the responses; the rejected one was idle until the end.
  expect(figures.wallMs).toBeLessThan(RETRY_AFTER_S * 1_000);
  expect(performance.now() - startedAtMs).toBeGreaterThan(RETRY_AFTER_S * 1_000);
});

test("a broken connection fails only its own request", async () => {
  answer = (id, response) => {
    if (id === "payment-3") response.destroy();
    else json(response, 200, { transaction_id: id, rung: "model" });
  };
  const figures = await driveArrivals({ port, requests: requests(10), ratePerSecond: 1_000, connectionsMax: 2 });
  expect(counts(figures)).toMatchObject({ sent: 10, decided: 9, failed: 1 });
});

test("joins a response that arrives in pieces", async () => {
  answer = async (id, response) => {
    const text = JSON.stringify({ transaction_id: id, rung: "model" });
    response.writeHead(200, { "content-length": text.length });
    for (const part of [text.slice(0, 5), text.slice(5)]) {
      response.write(part);
      await delay(20);
    }
    response.end();
  };
  const figures = await driveArrivals({ port, requests: requests(3), ratePerSecond: 0, connectionsMax: 1 });
  expect(figures.decided).toBe(3);
});
