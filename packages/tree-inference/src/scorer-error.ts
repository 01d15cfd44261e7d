/**
 * A model that is not supported here. The message is the reason, worded as the continuation of a sentence. Another
 * runtime may support the model.
 */
export class ScorerError extends Error {
  override readonly name = "ScorerError";
}
