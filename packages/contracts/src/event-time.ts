/**
 * Earliest time that a payment or a label may have, in milliseconds since the epoch. Protobuf does not write a zero, so
 * that 1970-01-01T00:00:00Z itself reads as no time at all. Services that take events in and those that read
 * them keep to it.
 */
export const EVENT_TIME_MS_MIN = 1;
