import type { Telemetry } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import type { TestServing } from "../testing/serving.js";
import { markComplete, startServing } from "../testing/serving.js";

interface FinishedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly attributes: unknown;
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const spans: FinishedSpan[] = [];
let telemetry: Telemetry;
let serving: TestServing;

beforeAll(async () => {
  telemetry = startTelemetry({
    service: "features",
    spanProcessors: [
      {
        onStart: () => {},
        onEnd(span) {
          const { traceId, spanId } = span.spanContext();
          const { name, attributes } = span;
          spans.push({ name, traceId, spanId, parentId: span.parentSpanContext?.spanId, attributes });
        },
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  });
  serving = await startServing();
  await markComplete(serving.redis);
});
afterAll(async () => {
  await serving.close();
  await telemetry.shutdown();
});

const read = (features: readonly string[]) =>
  serving.post(
    "/get-online-features",
    { features, entities: { card_token: ["ct_secret"] } },
    { traceparent: `00-${TRACE}-${PARENT}-01` },
  );

test("a request continues the caller's trace, returns the trace ID, and records no entity in it", async () => {
  const answer = await read(["card_windows:card_count_1d"]);
  expect(answer.headers.get("tripline-trace-id")).toBe(TRACE);
  const mine = spans.filter(({ traceId }) => traceId === TRACE);
  const request = mine.find(({ name }) => name === "POST /get-online-features");
  expect(request?.parentId).toBe(PARENT);
  expect(mine.find(({ name }) => name === "redis read")?.parentId).toBe(request?.spanId);
  expect(JSON.stringify(mine)).not.toContain("ct_secret");
});

test("the span of a rejected request has its error code", async () => {
  spans.length = 0;
  expect((await read(["card_windows:nope"])).status).toBe(422);
  expect(spans[0]).toMatchObject({
    name: "POST /get-online-features",
    attributes: {
      "error.type": "invalid-field",
      "http.request.method": "POST",
      "http.route": "/get-online-features",
      "http.response.status_code": 422,
    },
  });
});

test("requests are counted and timed, by path and status", async () => {
  const text = await (await fetch(`${serving.service.url}/metrics`)).text();
  const line = (pattern: RegExp) => text.split("\n").find((candidate) => pattern.test(candidate));
  for (const status of [200, 422]) {
    const labels = `http_response_status_code="${status}",http_route="/get-online-features"`;
    expect(line(new RegExp(`^http_server_request_duration_seconds_count.*${labels}`))).toMatch(/ 1$/);
  }
});
