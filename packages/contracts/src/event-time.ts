/**
 * Earliest time of a payment or a label, in milliseconds since the epoch. Protobuf omits zeros, so 1970-01-01T00:00:00Z
 * itself cannot be distinguished from a missing time. All services that accept or read events enforce this limit.
 */
export const EVENT_TIME_MS_MIN = 1;
