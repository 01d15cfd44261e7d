import { ROOT_CONTEXT, TraceFlags, trace } from "@opentelemetry/api";
import { IdTracerProvider } from "./issue-trace-ids.js";

const tracer = new IdTracerProvider().getTracer();

test("a span without a parent begins a trace, which is not recorded", () => {
  const [first, second] = [1, 2].map(() => tracer.startSpan("x", {}, ROOT_CONTEXT).spanContext());
  expect(first?.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(first?.spanId).toMatch(/^[0-9a-f]{16}$/);
  expect(first?.traceFlags).toBe(TraceFlags.NONE);
  expect(second?.traceId).not.toBe(first?.traceId);
});

test("a span goes on with the trace of its parent, under an id of its own", () => {
  const remote = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: TraceFlags.SAMPLED, isRemote: true };
  const span = tracer.startSpan("x", {}, trace.setSpanContext(ROOT_CONTEXT, remote));
  expect(span.spanContext()).toMatchObject({ traceId: remote.traceId, traceFlags: TraceFlags.NONE });
  expect(span.spanContext().spanId).not.toBe(remote.spanId);
  expect(span.isRecording()).toBe(false);
});
