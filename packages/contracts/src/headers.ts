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
  /** A payment's attributes, sealed for decisions (packages/sealing/src/transit); `Transaction.has_attributes` says whether any were sent. */
  attributes: "tripline-attributes",
} as const;

/** Headers that a dead letter has in addition to those of the record itself. */
export const DEAD_LETTER_HEADERS = {
  code: "tripline-dlq-code",
  message: "tripline-dlq-message",
  topic: "tripline-dlq-topic",
  partition: "tripline-dlq-partition",
  offset: "tripline-dlq-offset",
  group: "tripline-dlq-group",
} as const;

/** Additional headers of a dead letter by reference: it has no value, because the original is too large or unreadable. */
export const REFERENCE_HEADERS = {
  /** `record`, or `batch` for all records of one batch, which then begins at the dead letter's offset. */
  reference: "tripline-dlq-reference",
  /** Of the record's value; of a batch, of its records as they stand on the topic, compressed where they are. */
  bytes: "tripline-dlq-bytes",
  /** Of the same bytes, in hexadecimal digits. */
  sha256: "tripline-dlq-sha256",
  /** Of a batch: how many records it has, as it says itself, and the offset of the last one. */
  records: "tripline-dlq-records",
  lastOffset: "tripline-dlq-last-offset",
} as const;

/** How often a record came back from the dead letters; absent for one that never did. */
export const RETURNED_HEADER = "tripline-dlq-returned";

/** Names of the gRPC metadata that Tripline adds to the Open Inference Protocol. */
export const INFERENCE_METADATA = {
  /** Trace contexts of the request's other payments, comma-separated, without the one in `traceparent`; at most 512. */
  traceparents: "tripline-traceparents",
  /** On an error: its code in the error table. */
  code: "tripline-code",
} as const;
