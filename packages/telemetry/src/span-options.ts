import type { Attributes } from "@opentelemetry/api";
import { SpanKind } from "@opentelemetry/api";

/**
 * Kinds and attributes of spans by OpenTelemetry's semantic conventions, version 1.45. Keys of records and Redis, bodies
 * and addresses that a caller wrote are left out: they hold tokens of cards, or what somebody sent instead of one.
 */
export interface SpanSettings {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/**
 * An answered HTTP request.
 *
 * @param route the address as it is registered. It stands for the path too, whose variable parts are the caller's.
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

/** Records sent to a topic together; named `send <topic>`. */
export function sendSpan(topic: string, records: number): SpanSettings {
  const attributes = { ...messagingAttributes(topic, "send", records) };
  return { kind: SpanKind.PRODUCER, attributes };
}

/** A batch of one partition that is handled; named `process <topic>`. */
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

/** A call by gRPC, from either side; the method with its service, as in `inference.GRPCInferenceService/ModelInfer`. */
export function callSpan(kind: SpanKind, method: string): SpanSettings {
  return { kind, attributes: { "rpc.system.name": "grpc", "rpc.method": method } };
}
