import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { context, logs, trace } from "@opentelemetry/api";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { createLogger } from "@tripline/telemetry/logger";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { SpanReceiver } from "./span-receiver.js";

const SERVICE = "slow-collector";
/** A full queue, plus the batch that is being exported. */
const KEPT_MAX = 8_192 + 512;
const LINES_WAIT_MS_MAX = 90_000;

const write = process.stdout.write;
let lines: string[] = [];
beforeEach(() => {
  lines = [];
  process.stdout.write = (chunk: string | Uint8Array): boolean => {
    lines.push(String(chunk));
    return true;
  };
});
afterEach(() => {
  process.stdout.write = write;
  trace.disable();
  context.disable();
  logs.disable();
});

function makeSpans(count: number): void {
  const tracer = trace.getTracer("test");
  for (let index = 0; index < count; index += 1) tracer.startSpan("paid").end();
}

const telemetryLines = () => lines.filter((line) => line.includes("telemetry: ")).map((line) => JSON.parse(line).msg);

/** Creates spans until `count` messages are logged; each batch of 512 is exported immediately. */
async function makeSpansUntil(count: number): Promise<void> {
  const deadline = Date.now() + LINES_WAIT_MS_MAX;
  while (telemetryLines().filter((line) => line.includes("spans")).length < count && Date.now() < deadline) {
    makeSpans(600);
    await delay(20);
  }
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void, port = 0): Promise<Server> {
  const server = createServer(answer).listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const accept = (request: IncomingMessage, response: ServerResponse): void => {
  request.resume().on("end", () => response.writeHead(200).end());
};

test("logs one line when a collector rejects spans, and one when it accepts them again", async () => {
  let isBroken = true;
  const server = await serve((request, response) => {
    if (isBroken) request.resume().on("end", () => response.writeHead(400).end());
    else accept(request, response);
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const telemetry = startTelemetry({ service: SERVICE, otlpEndpoint: url, log: createLogger(SERVICE, "info") });
  await makeSpansUntil(1);
  makeSpans(6_000);
  await delay(200);
  isBroken = false;
  await makeSpansUntil(2);
  await telemetry.shutdown();
  server.close().closeAllConnections();
  expect(telemetryLines().filter((line) => line.includes("spans"))).toEqual([
    expect.stringMatching(/^telemetry: the collector rejects spans \(.+\); they are lost until it accepts them$/),
    "telemetry: the collector accepts spans again",
  ]);
  expect((await writeMetrics()).body).toMatch(
    /^tripline_telemetry_items_total\{signal="spans",result="lost"\} [1-9]\d*$/m,
  );
});

test("the process shuts down promptly without a collector", async () => {
  const [port = 0] = await findFreePorts(1);
  const telemetry = startTelemetry({ service: SERVICE, otlpEndpoint: `http://127.0.0.1:${port}` });
  makeSpans(2_000);
  const ended = await Promise.race([telemetry.shutdown().then(() => "ended"), delay(60_000, "late", { ref: false })]);
  expect(ended).toBe("ended");
});

test("nothing waits for a collector that hangs, and the queue is bounded", async () => {
  const held: (() => void)[] = [];
  const receiver = await SpanReceiver.start();
  const gate = await serve((request, response) => {
    // The collector does not respond until the test releases it.
    held.push(() => {
      // At the end, connections close while a batch is still being forwarded.
      void forward(request, receiver.url).then(
        (status) => response.writeHead(status).end(),
        () => response.destroy(),
      );
    });
  });
  const address = gate.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const telemetry = startTelemetry({ service: SERVICE, otlpEndpoint: url });
  makeSpans(600);
  while (held.length === 0) await delay(5);
  makeSpans(20_000);
  const released = setInterval(() => {
    for (const release of held.splice(0)) release();
  }, 5);
  await telemetry.shutdown();
  clearInterval(released);
  gate.close().closeAllConnections();
  await receiver.close();
  expect(receiver.spans.length).toBeGreaterThan(600);
  expect(receiver.spans.length).toBeLessThanOrEqual(KEPT_MAX);
});

async function forward(request: IncomingMessage, to: string): Promise<number> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  const headers = { "content-type": String(request.headers["content-type"]) };
  const encoding = request.headers["content-encoding"];
  const answer = await fetch(`${to}${request.url}`, {
    method: "POST",
    headers: encoding === undefined ? headers : { ...headers, "content-encoding": encoding },
    body: Buffer.concat(parts),
  });
  return answer.status;
}

test("log lines arrive with their trace ID", async () => {
  const receiver = await SpanReceiver.start();
  const telemetry = startTelemetry({ service: SERVICE, otlpEndpoint: receiver.url });
  const log = createLogger(SERVICE, "info");
  const span = trace.getTracer("test").startSpan("paid");
  context.with(trace.setSpan(context.active(), span), () => log.warn({ topic: "features" }, "a record was late"));
  log.debug("not at this level");
  span.end();
  await telemetry.shutdown();
  await receiver.close();
  expect(receiver.logs).toEqual([
    {
      service: SERVICE,
      traceId: span.spanContext().traceId,
      body: "a record was late",
      attributes: { service: SERVICE, topic: "features" },
    },
  ]);
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["a record was late"]);
});
