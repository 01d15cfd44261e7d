/** Numbers of errors on the wire: RFC 9113, section 7. */
export const ERRORS = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

/** What ends a connection: its peer does not keep to the protocol. */
export class Http2Error extends Error {
  override readonly name = "Http2Error";

  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}
