/** The kind of failure, for programs. The message tells users what it is and how to fix it. */
export type ShapErrorCode =
  /** The bytes are not an ONNX model, or its tree attributes contradict each other. */
  | "malformed-model"
  /** A valid model that this package does not support; the message contains the reason. */
  | "unsupported-model"
  /** The model lacks the training data counts of its nodes. */
  | "no-covers"
  /** The arrays or options of a call are inconsistent. */
  | "invalid-request";

/** The only error class of this package. */
export class ShapError extends Error {
  override readonly name = "ShapError";

  /**
   * @param code for programs
   * @param message one sentence with the cause and how to fix it
   */
  constructor(
    readonly code: ShapErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** @param reason the end of the sentence */
export function unsupported(reason: string): ShapError {
  return new ShapError("unsupported-model", `This model cannot be explained by its trees: ${reason}.`);
}
