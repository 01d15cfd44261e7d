/**
 * How much of one HTTP port clients may use. There is no bound on the time of an answer: callers of `Prefer: wait` may wait
 * once their request has arrived.
 */
export interface HttpLimits {
  /** Connections at a time; further ones are closed at once. */
  readonly connectionsMax: number;
  /** Connections of one network address at a time. All callers behind a proxy share its address. */
  readonly connectionsPerAddressMax: number;
  /** From a request's first byte, or from opening the connection, until its headers have arrived. */
  readonly headersTimeoutMs: number;
  /** From a request's first byte until its last. */
  readonly requestTimeoutMs: number;
  /** For this long a body may arrive at any rate; then at `bodyBytesPerSecondMin` or more on average. */
  readonly bodyGraceMs: number;
  readonly bodyBytesPerSecondMin: number;
  /** Bytes of all bodies together that have begun to arrive and are not complete. Those over 64 KiB may take 7/8 of it. */
  readonly unfinishedBytesMax: number;
  /** After the port has closed: how long bodies that are not complete may still arrive. */
  readonly closeGraceMs: number;
  /** How often these times are checked: each may be exceeded by this much. */
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
