/**
 * What clients may take up of one HTTP port. None of it bounds how long an answer may take: callers of `Prefer: wait` are
 * left alone once their request has arrived.
 */
export interface HttpLimits {
  /** Connections at a time; further ones are closed at once. */
  readonly connectionsMax: number;
  /** Connections of one network address at a time. A proxy is one address for all who are behind it. */
  readonly connectionsPerAddressMax: number;
  /** From a request's first byte, or from opening the connection, until its headers have arrived. */
  readonly headersTimeoutMs: number;
  /** From a request's first byte until its last. */
  readonly requestTimeoutMs: number;
  /** A body may arrive as slowly as it likes for this long; then at no less than `bodyBytesPerSecondMin` on average. */
  readonly bodyGraceMs: number;
  readonly bodyBytesPerSecondMin: number;
  /** Bytes of all bodies together that have begun to arrive and are not complete. Those over 64 KiB may take 7/8 of it. */
  readonly unfinishedBytesMax: number;
  /** After the port has closed: how long bodies that are not complete may still arrive. */
  readonly closeGraceMs: number;
  /** How often clocks are looked at: each of these times may be exceeded by as much. */
  readonly checkMs: number;
}

export const HTTP_LIMITS_DEFAULT: HttpLimits = {
  connectionsMax: 10_000,
  connectionsPerAddressMax: 5_000,
  headersTimeoutMs: 20_000,
  requestTimeoutMs: 60_000,
  bodyGraceMs: 5_000,
  bodyBytesPerSecondMin: 1_024,
  unfinishedBytesMax: 64 * 1_024 * 1_024,
  closeGraceMs: 1_000,
  checkMs: 1_000,
};
