import type { Attributes } from "@opentelemetry/api";
import { SpanKind } from "@opentelemetry/api";

/**
 * Kinds and attributes of spans according to OpenTelemetry's semantic conventions, version 1.45. Keys of records and
 * Redis, bodies and raw paths are omitted, because they contain card tokens, or any text that the caller sent instead.
 */
export interface SpanSettings {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/**
 * An answered HTTP request.
 *
 * @param route the registered path; also replaces the raw path, whose parameters come from the caller
 */
export function requestSpan(method: string, route: string): SpanSettings & { readonly name: string } {
  const attributes = {
    "http.request.method": method,
    "http.route": route,
    "url.path": route,
    "url.scheme": "http",
  };
  return { name: `${method} ${route}`, kind: SpanKind.SERVER, attributes };
}

/** Records sent to a topic in one batch; named `send <topic>`. */
export function sendSpan(topic: string, records: number): SpanSettings {
  const attributes = { ...messagingAttributes(topic, "send", records) };
  return { kind: SpanKind.PRODUCER, attributes };
}

/** Processing of a batch of one partition; named `process <topic>`. */
export function processSpan(topic: string, partition: number, records: number, group: string): SpanSettings {
  const attributes = {
    ...messagingAttributes(topic, "process", records),
    "messaging.destination.partition.id": String(partition),
    "messaging.consumer.group.name": group,
  };
  return { kind: SpanKind.CONSUMER, attributes };
}

function messagingAttributes(topic: string, operation: string, records: number): Attributes {
  return {
    "messaging.system.name": "kafka",
    "messaging.operation.name": operation,
    "messaging.operation.type": operation,
    "messaging.destination.name": topic,
    "messaging.batch.message_count": records,
  };
}

/** A round trip to Redis. */
export function redisSpan(operation: string): SpanSettings {
  return { kind: SpanKind.CLIENT, attributes: { "db.system.name": "redis", "db.operation.name": operation } };
}

/**
 * A gRPC call, client or server side; the method includes its service, as in
 * `inference.GRPCInferenceService/ModelInfer`.
 */
export function callSpan(kind: SpanKind, method: string): SpanSettings {
  return { kind, attributes: { "rpc.system.name": "grpc", "rpc.method": method } };
}
