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
