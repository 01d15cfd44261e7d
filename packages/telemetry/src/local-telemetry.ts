import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { describeProcess } from "./describe-process.js";
import { UnrecordedTracer } from "./unrecorded-tracer.js";

export interface Telemetry {
  shutdown(): Promise<void>;
}

/** Without a collector, spans are not recorded, to save time; trace ids are still propagated and logged. */
export function startLocalTelemetry(service: string, environment?: string): Telemetry {
  const tracer = new UnrecordedTracer();
  describeProcess(service, environment);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  return { shutdown: async () => {} };
}
