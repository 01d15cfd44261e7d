import { SpanStatusCode } from "@opentelemetry/api";
import { HEADERS } from "@tripline/contracts/headers";
import type { Telemetry, TelemetryOptions } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import { TestDecider } from "./testing/decider.js";
import type { TestBed } from "./testing/service.js";
import { paymentBody, startTestBed } from "./testing/service.js";

type Processor = NonNullable<TelemetryOptions["spanProcessors"]>[number];
type FinishedSpan = Parameters<Processor["onEnd"]>[0];

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN_ID = "b7ad6b7169203331";
const SPAN_KIND = { internal: 0, server: 1, client: 2, producer: 3 };

describe("telemetry", () => {
  const spans: FinishedSpan[] = [];
  let telemetry: Telemetry;
  let bed: TestBed;
  let decider: TestDecider;

  beforeAll(async () => {
    const collect: Processor = {
      onStart: () => undefined,
      onEnd: (span) => void spans.push(span),
      forceFlush: async () => undefined,
      shutdown: async () => undefined,
    };
    telemetry = startTelemetry({ service: "ingestion", spanProcessors: [collect] });
    bed = await startTestBed();
    decider = new TestDecider(bed.kafka, bed.redis);
    await decider.start();
  });

  afterAll(async () => {
    await decider.close();
    await bed.close();
    await telemetry.shutdown();
  });

  test("one trace continues from the client's span to the record, with one span per step and no card data", async () => {
    const headers = { traceparent: `00-${TRACE_ID}-${CLIENT_SPAN_ID}-01`, prefer: "wait=10" };
    const answer = await bed.client.post("/v1/transactions", paymentBody(), headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("tripline-trace-id")).toBe(TRACE_ID);

    const named = new Map(spans.map((span) => [span.name, span]));
    const server = named.get("POST /v1/transactions");
    expect(server?.kind).toBe(SPAN_KIND.server);
    expect(server?.parentSpanContext?.spanId).toBe(CLIENT_SPAN_ID);
    const serverSpanId = server?.spanContext().spanId;
    for (const [name, kind] of [
      ["redis reserve", SPAN_KIND.client],
      ["send transactions", SPAN_KIND.producer],
      ["wait for decision", SPAN_KIND.internal],
    ] as const) {
      const span = named.get(name);
      expect([name, span?.kind, span?.parentSpanContext?.spanId]).toEqual([name, kind, serverSpanId]);
      expect(span?.spanContext().traceId).toBe(TRACE_ID);
    }
    const publishSpanId = named.get("send transactions")?.spanContext().spanId;
    expect(decider.payments[0]?.headers[HEADERS.traceparent]).toBe(`00-${TRACE_ID}-${publishSpanId}-01`);
    const shown = spans.map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
    expect(JSON.stringify(shown)).not.toContain("4111");
  });

  test("metrics count requests by route and status, and measure their waits", async () => {
    await bed.client.post("/v1/transactions", {});
    const { text } = await bed.client.get("/metrics");
    for (const status of [200, 422]) {
      const labels = `http_response_status_code="${status}",http_route="/v1/transactions"`;
      expect(text).toMatch(new RegExp(`^http_server_request_duration_seconds_count\\{.*${labels}\\} 1$`, "m"));
    }
    for (const name of ["accept_duration_seconds", "wait_duration_seconds"]) {
      expect(text).toMatch(new RegExp(`tripline_ingestion_${name}_count[^\\n]* 1`));
    }
    expect(text).toMatch(/tripline_ingestion_waiters(\{[^}]*\})? 0/);
  });

  test("the span of a client error has its status and code but is not an error, and omits IDs in the path", async () => {
    spans.length = 0;
    await bed.client.post("/v1/transactions", { transaction_id: "4111111111111111" });
    await bed.client.get("/v1/decisions/some-id-of-a-caller");
    expect(spans.map(({ name, attributes, status }) => ({ name, attributes, status }))).toEqual(
      [
        ["POST", "/v1/transactions", 422, "invalid-field"] as const,
        ["GET", "/v1/decisions/:id", 404, "decision-not-found"] as const,
      ].map(([method, route, status, code]) => ({
        name: `${method} ${route}`,
        attributes: {
          "http.request.method": method,
          "http.route": route,
          "http.response.status_code": status,
          "url.path": route,
          "url.scheme": "http",
          "error.type": code,
        },
        status: { code: SpanStatusCode.UNSET },
      })),
    );
  });
});
