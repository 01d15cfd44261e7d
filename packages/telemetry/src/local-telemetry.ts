import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { AlwaysOffSampler, NoopSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describeProcess } from "./describe-process.js";

export interface Telemetry {
  shutdown(): Promise<void>;
}

/** Without a collector: no span is recorded, which would only cost time, but trace ids travel and are logged. */
export function startLocalTelemetry(service: string, environment?: string): Telemetry {
  const provider = new TracerProvider({
    resource: describeProcess(service, environment),
    sampler: new AlwaysOffSampler(),
    spanProcessors: [new NoopSpanProcessor()],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return { shutdown: () => provider.shutdown() };
}
