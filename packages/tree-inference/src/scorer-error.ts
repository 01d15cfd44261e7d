/**
 * A model that is not supported here. The message is the reason and continues a sentence; another runtime may run the model.
 */
export class ScorerError extends Error {
  override readonly name = "ScorerError";
}
