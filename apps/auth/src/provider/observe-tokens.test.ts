import { SpanKind } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import type { Telemetry } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import { startAuth } from "../start-auth.js";
import { basic, requestToken, SHOP, SHOP_BASIC, testConfig } from "../testing/service.js";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_SPAN_ID = "b7ad6b7169203331";
const REQUEST = {
  "http.request.method": "POST",
  "http.route": "/oauth/token",
  "url.path": "/oauth/token",
  "url.scheme": "http",
};

const exporter = new InMemorySpanExporter();
let telemetry: Telemetry;
let service: RunningService;

beforeAll(async () => {
  telemetry = startTelemetry({ service: "auth", spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  service = await startAuth(testConfig((await testStack()).postgresUrl));
});

afterAll(async () => {
  await service.close();
  await telemetry.shutdown();
});

beforeEach(() => exporter.reset());

async function metricsText(): Promise<string> {
  return (await fetch(`${service.url}/metrics`)).text();
}

describe("a token request", () => {
  test("has a span in the caller's trace, and is counted", async () => {
    await requestToken(service.url, SHOP_BASIC, {}, { traceparent: `00-${TRACE_ID}-${PARENT_SPAN_ID}-01` });
    const [span, ...others] = exporter.getFinishedSpans();
    expect(others).toEqual([]);
    expect(span).toMatchObject({
      name: "POST /oauth/token",
      kind: SpanKind.SERVER,
      attributes: { ...REQUEST, "http.response.status_code": 200, client_id: "shop", tenant: "acme" },
    });
    expect(span?.spanContext().traceId).toBe(TRACE_ID);
    expect(span?.parentSpanContext?.spanId).toBe(PARENT_SPAN_ID);
    const metrics = await metricsText();
    expect(metrics).toMatch(/^tripline_auth_tokens_issued_total\{.*tenant="acme".*\} 1/m);
    expect(metrics).toMatch(/^tripline_auth_token_duration_seconds_count\{.*outcome="issued".*\} 1/m);
  });

  test("sets the error on its span and counter if it is rejected, but does not name an unknown client", async () => {
    await requestToken(service.url, basic("nobody", SHOP.client_secret));
    const [span] = exporter.getFinishedSpans();
    expect(span?.attributes).toEqual({
      ...REQUEST,
      "http.response.status_code": 401,
      "error.type": "invalid_client",
    });
    await expect(metricsText()).resolves.toMatch(
      /^tripline_auth_tokens_refused_total\{.*error="invalid_client".*\} 1/m,
    );
  });
});
