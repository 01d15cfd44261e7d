/** Names of the Kafka headers that travel with every record. Values are UTF-8. */
export const HEADERS = {
  /** W3C trace context. */
  traceparent: "traceparent",
  /** Full name of the protobuf message in the value. */
  schema: "tripline-schema",
  tenant: "tripline-tenant",
  /** Milliseconds since the epoch after which the caller no longer waits for an answer. */
  deadline: "tripline-deadline",
  /** Redis channel on which the caller waits; absent when nobody waits. */
  replyTo: "tripline-reply-to",
} as const;

/** Headers that a dead letter carries besides those of the record itself. */
export const DEAD_LETTER_HEADERS = {
  code: "tripline-dlq-code",
  message: "tripline-dlq-message",
  topic: "tripline-dlq-topic",
  partition: "tripline-dlq-partition",
  offset: "tripline-dlq-offset",
  group: "tripline-dlq-group",
} as const;

/** How often a record came back from the dead letters; absent for one that never did. */
export const RETURNED_HEADER = "tripline-dlq-returned";

/** Names of the gRPC metadata that Tripline adds to the Open Inference Protocol. */
export const INFERENCE_METADATA = {
  /** Trace contexts of the request's other payments, parted by commas, besides that in `traceparent`; at most 512. */
  traceparents: "tripline-traceparents",
  /** On an error: its code in the error table. */
  code: "tripline-code",
} as const;
