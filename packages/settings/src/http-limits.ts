/**
 * Client limits of one HTTP port. Response time is not limited, because callers with `Prefer: wait` may wait once their
 * request has arrived.
 */
export interface HttpLimits {
  /** Maximum number of concurrent connections; further connections are closed immediately. */
  readonly connectionsMax: number;
  /** Maximum number of concurrent connections per network address. All callers behind a proxy share its address. */
  readonly connectionsPerAddressMax: number;
  /** From a request's first byte, or from opening the connection, until its headers have arrived. */
  readonly headersTimeoutMs: number;
  /** From a request's first byte until its last. */
  readonly requestTimeoutMs: number;
  /** Grace period before the average rate of a body must reach `bodyBytesPerSecondMin`. */
  readonly bodyGraceMs: number;
  readonly bodyBytesPerSecondMin: number;
  /** Total bytes of incomplete bodies. Bodies over 64 KiB may use 7/8 of these bytes. */
  readonly unfinishedBytesMax: number;
  /** After the port has closed: how long incomplete bodies may still arrive. */
  readonly closeGraceMs: number;
  /** Interval at which these limits are checked, so each time limit may be exceeded by this much. */
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
