import { once } from "node:events";
import { connect } from "node:net";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { eventually, testPayment } from "../testing/test-records.js";
import { LiveHub } from "./live-hub.js";

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed();
});

afterAll(() => bed?.close());

test("a listener gets its tenant's decisions, and one summary per second", async () => {
  const browser = await bed.as(bed.people.analyst);
  const controller = new AbortController();
  const response = await fetch(`${bed.service.url}/api/live`, {
    headers: { cookie: browser.cookieHeader() },
    signal: controller.signal,
  });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const own = testPayment(bed.tenant, { outcome: Outcome.DECLINE });
  const foreign = testPayment("another-tenant", { outcome: Outcome.DECLINE });
  await bed.producer.send([foreign.vector, foreign.decision, own.vector, own.decision]);
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes(own.transactionId) && /"decisions":1,"byOutcome":\{[^}]*"decline":1\}/.test(text)) break;
  }
  expect(text).not.toContain(foreign.transactionId);
  controller.abort();
});

test("disconnects only a listener that does not read", async () => {
  const browser = await bed.as(bed.people.analyst);
  const { port, hostname } = new URL(bed.service.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.pause();
  socket.write(`GET /api/live HTTP/1.1\r\nHost: ${hostname}:${port}\r\nCookie: ${browser.cookieHeader()}\r\n\r\n`);
  const hub = bed.service.get(LiveHub);
  await eventually(async () => expect(hub.listeners).toBe(1));
  const stop = hub.add({ tenant: bed.tenant, onSecond: () => {}, onDecisions: () => {} });
  // More than sockets and buffers can hold.
  const second = { ...EMPTY_SECOND, filler: "x".repeat(65_536) };
  for (let count = 0; count < 200 && hub.listeners > 1; count += 1) {
    hub.tell(bed.tenant, second);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(async () => expect(hub.listeners).toBe(1));
  stop();
  socket.destroy();
});

const EMPTY_SECOND = {
  atMs: 0,
  decisions: 0,
  byOutcome: { approve: 0, challenge: 0, review: 0, decline: 0 },
  degraded: 0,
  latencyP50Ms: null,
  latencyP99Ms: null,
  lag: 0,
};
