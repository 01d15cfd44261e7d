/**
 * Earliest time of a payment or a label, in milliseconds since the epoch. Protobuf omits zeros, so 1970-01-01T00:00:00Z
 * itself cannot be distinguished from a missing time. Services that accept events and those that read them all enforce
 * this limit.
 */
export const EVENT_TIME_MS_MIN = 1;
