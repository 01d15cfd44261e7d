/** What went wrong, for programs. The message tells people what it is and how to fix it. */
export type ShapErrorCode =
  /** The bytes are not an ONNX model, or its tree attributes contradict each other. */
  | "malformed-model"
  /** A valid model that this package does not explain; the message says what about it. */
  | "unsupported-model"
  /** The model does not say how much training data reached each of its nodes. */
  | "no-covers"
  /** The arrays or options of a call do not fit together. */
  | "invalid-request";

/** The one error that this package throws. */
export class ShapError extends Error {
  override readonly name = "ShapError";

  /**
   * @param code for programs
   * @param message one sentence that names what is at fault and says how to fix it
   */
  constructor(
    readonly code: ShapErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
