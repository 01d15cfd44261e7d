/** The machine-readable kind of error. The message is for users and names the field at fault. */
export type FeastErrorCode =
  /** The request itself is invalid, regardless of the content of the feature store. */
  | "invalid-request"
  | "unknown-feature"
  | "unknown-feature-view"
  | "unknown-feature-service"
  | "unknown-push-source"
  /** An entity row has a key that is not a join key of any feature view. */
  | "unknown-entity"
  | "missing-join-key"
  /** A join key does not have the type of its entity, or has a type that Feast cannot look up. */
  | "invalid-join-key"
  | "feature-name-collision"
  /** A value to be written does not match its type. */
  | "invalid-value"
  /** This transport or client does not support the request; the message says which one does. */
  | "unsupported"
  | "unauthorized"
  | "deadline-exceeded"
  | "aborted"
  /** More requests are pending than this client or the server allows. */
  | "overloaded"
  /** The server is unreachable or reports that it is unavailable. */
  | "unavailable"
  /** The server failed in a way that this client does not recognise. */
  | "server-error"
  | "malformed-response";

/** The only error class that the clients throw. */
export class FeastError extends Error {
  override readonly name = "FeastError";

  /**
   * @param code machine-readable kind of error
   * @param message one sentence that names the field and says how to fix it
   * @param field the feature, view, service, join key or part of a response at fault, if any
   */
  constructor(
    readonly code: FeastErrorCode,
    message: string,
    readonly field?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the same read may soon succeed. The clients retry such reads themselves. */
  get isRetriable(): boolean {
    return this.code === "unavailable";
  }
}

/** The message of an unknown thrown value, for use in another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
