/** Names of the Kafka headers of every record. Values are UTF-8. */
export const HEADERS = {
  /** W3C trace context. */
  traceparent: "traceparent",
  /** Full name of the protobuf message in the value. */
  schema: "tripline-schema",
  tenant: "tripline-tenant",
  /** Time, in milliseconds since the epoch, after which the caller no longer waits for an answer. */
  deadline: "tripline-deadline",
  /** Redis channel on which the caller waits; absent if nobody waits. */
  replyTo: "tripline-reply-to",
  /**
   * A payment's attributes, sealed for decisions (packages/sealing/src/transit). `Transaction.has_attributes` is true
   * if any were sent.
   */
  attributes: "tripline-attributes",
} as const;

/** Headers of a dead letter, in addition to those of the original record. */
export const DEAD_LETTER_HEADERS = {
  code: "tripline-dlq-code",
  message: "tripline-dlq-message",
  topic: "tripline-dlq-topic",
  partition: "tripline-dlq-partition",
  offset: "tripline-dlq-offset",
  group: "tripline-dlq-group",
} as const;

/** Additional headers of a dead letter by reference, whose value is omitted because it is too large or unreadable. */
export const REFERENCE_HEADERS = {
  /** `record`, or `batch` for all records of a batch that starts at the dead letter's offset. */
  reference: "tripline-dlq-reference",
  /** Size of the record's value, or of the batch's records as stored on the topic, which may be compressed. */
  bytes: "tripline-dlq-bytes",
  /** Hash of the same bytes, in hexadecimal. */
  sha256: "tripline-dlq-sha256",
  /** For a batch: the number of records according to its header, and the offset of the last record. */
  records: "tripline-dlq-records",
  lastOffset: "tripline-dlq-last-offset",
} as const;

/** Number of times that a record was redriven; absent if it was never redriven. */
export const RETURNED_HEADER = "tripline-dlq-returned";

/** Names of the gRPC metadata with which Tripline extends the Open Inference Protocol. */
export const INFERENCE_METADATA = {
  /** Trace contexts of the request's other payments, comma-separated, without `traceparent`; at most 512. */
  traceparents: "tripline-traceparents",
  /** For an error: its code in the error table. */
  code: "tripline-code",
} as const;
