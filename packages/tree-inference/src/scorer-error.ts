/** A model that is not scored here. The message says why and continues a sentence; another runtime may run it. */
export class ScorerError extends Error {
  override readonly name = "ScorerError";
}
