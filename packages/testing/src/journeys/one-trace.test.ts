import { readdirSync, readFileSync } from "node:fs";
import { ProxyTracerProvider, trace } from "@opentelemetry/api";
import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import { labelBody } from "@tripline/system/client/tripline-client";
import { TOPOLOGIES } from "@tripline/system/services/plan-services";
import type { Telemetry } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import { readOpenMetrics } from "@tripline/telemetry/testing/open-metrics";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import type { ReceivedSpan } from "../support/span-receiver.js";
import { SpanReceiver } from "../support/span-receiver.js";
import { testModel } from "../support/test-model.js";
import type { ContractSpan } from "../support/trace-contract.js";
import { compareTrace, readTraceContract } from "../support/trace-contract.js";

const contract = readTraceContract();
const SERVICE = "test";
const EMAIL = "canary-of-the-payer@example.com";

// A process can start OpenTelemetry only once.
let receiver: SpanReceiver;
let telemetry: Telemetry;
beforeAll(async () => {
  receiver = await SpanReceiver.start();
  telemetry = startTelemetry({ service: SERVICE, otlpEndpoint: receiver.url });
});
afterAll(async () => {
  await telemetry.shutdown();
  await receiver.close();
});

test("the contract uses only attributes of OpenTelemetry's conventions and our own", () => {
  const known = new Set<unknown>(Object.values(conventions));
  const named = [...contract.payment, ...contract.label, ...contract.update].flatMap(({ attributes }) =>
    Object.keys(attributes),
  );
  expect(named.filter((name) => !name.startsWith("tripline.") && !known.has(name))).toEqual([]);
});

describe.each(TOPOLOGIES)("each payment has one trace, %s", (topology) => {
  let system: InProcessSystem;

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    system = await startInProcess({ registryUrl, topology });
  });

  afterAll(() => system?.close());

  test("an OTLP receiver gets the whole trace: HTTP, every Kafka hop, Redis and gRPC, with each span below its parent", async () => {
    const payment = buildPayment({ email: EMAIL });
    const result = await system.client.send(payment, 10);
    expect(result.status).toBe(200);
    const isOwn = ({ attributes }: ReceivedSpan) => attributes["tripline.payment.id"] === result.decision?.id;
    const spans = await receivedTrace(contract.payment, isOwn);
    expect(compareTrace(spans, contract.payment, () => SERVICE)).toEqual([]);
    const decided = spans.find(({ name }) => name === "process features");
    expect(decided?.attributes).toMatchObject({
      "tripline.payment.id": result.decision?.id,
      "tripline.decision.outcome": result.decision?.outcome,
      "tripline.decision.fallback_level": "model",
    });
    const sent = receiver.bodies.map((body) => body.toString("latin1")).join("\n");
    for (const secret of [payment.cardNumber.slice(3, 15), payment.deviceId, EMAIL, payment.terminalId]) {
      expect([secret, sent.includes(String(secret))]).toEqual([secret, false]);
    }
  });

  test("a batch of payments has one trace, and a label and a payment update have their own", async () => {
    const payment = buildPayment();
    const before = new Set(receiver.spans);
    await system.client.decideAll([payment, buildPayment()], 10);
    const isBatch = (span: ReceivedSpan) => !before.has(span) && span.name === "POST /v1/transactions/batch";
    const together = await receivedTrace(contract.payments, isBatch);
    expect(compareTrace(together, contract.payments, () => SERVICE)).toEqual([]);
    const { transaction_id, card, occurred_at, ...label } = labelBody(payment);
    const of = { transaction_id, card, occurred_at };
    expect(await post("/v1/labels", { ...of, ...label })).toEqual([200, expect.anything()]);
    expect(await post("/v1/payment-updates", { ...of, update_id: "u-1", kind: "authorised" })).toEqual([
      202,
      expect.anything(),
    ]);
    for (const wanted of [contract.label, contract.update]) {
      const isOwn = (span: ReceivedSpan) => !before.has(span) && span.name === wanted[0]?.span;
      expect(compareTrace(await receivedTrace(wanted, isOwn), wanted, () => SERVICE)).toEqual([]);
    }
  });

  async function post(path: string, body: object): Promise<[status: number, body: string]> {
    const authorization = await system.authorization();
    const response = await fetch(system.apiUrl + path, {
      method: "POST",
      headers: { authorization, "content-type": "application/json", prefer: "wait=10" },
      body: JSON.stringify(body),
    });
    return [response.status, await response.text()];
  }

  test("the metrics of all services together are valid OpenMetrics", async () => {
    const samples = readOpenMetrics((await writeMetrics("application/openmetrics-text")).body);
    const counted = new Set(samples.map(({ name }) => name));
    for (const name of [
      "http_server_request_duration_seconds_count",
      "tripline_ingestion_events_total",
      "tripline_features_hop_duration_seconds_bucket",
      "tripline_scoring_inference_duration_seconds_bucket",
      "tripline_decisions_made_total",
      "tripline_kafka_lag",
    ]) {
      expect([name, counted.has(name)]).toEqual([name, true]);
    }
  });

  test("running services export every series that a dashboard queries", async () => {
    const exported = [...(await writeMetrics()).body.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name, kind]) =>
      kind === "histogram" ? ["bucket", "count", "sum"].map((part) => `${name}_${part}`) : [name],
    );
    const texts = readdirSync(DASHBOARDS).map((file) => readFileSync(new URL(file, DASHBOARDS), "utf8"));
    const asked = new Set(texts.flatMap((text) => text.match(SHOWN_HERE) ?? []));
    expect(asked.size).toBeGreaterThan(20);
    expect([...asked].filter((name) => !exported.includes(name))).toEqual([]);
  });
});

const DASHBOARDS = new URL("../../../../deploy/helm/tripline/dashboards/", import.meta.url);
/** Archive, control and console do not run in this test. */
const SHOWN_HERE = /\b(?:tripline_(?:ingestion|features|scoring|decisions|kafka|telemetry)|process|http_server)_\w+/g;

const WAIT_TRIES_MAX = 2_000;
const WAIT_MS = 50;

/** The trace of a span, once all spans of the contract have arrived. */
async function receivedTrace(
  wanted: readonly ContractSpan[],
  isOwn: (span: ReceivedSpan) => boolean,
): Promise<readonly ReceivedSpan[]> {
  let found: readonly ReceivedSpan[] = [];
  for (let attempt = 0; attempt < WAIT_TRIES_MAX; attempt += 1) {
    await sendEndedSpans();
    const id = receiver.spans.find(isOwn)?.traceId;
    found = receiver.spans.filter(({ traceId }) => traceId === id);
    const names = new Set(found.map(({ name }) => name));
    if (wanted.every(({ span, when }) => when !== undefined || names.has(span))) break;
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  return found;
}

/** Otherwise, they are exported within five seconds. */
async function sendEndedSpans(): Promise<void> {
  const provider = trace.getTracerProvider();
  const delegate = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
  if ("forceFlush" in delegate && typeof delegate.forceFlush === "function") await delegate.forceFlush();
}
