/** What went wrong, for programs. The message says it for people and names the field at fault. */
export type FeastErrorCode =
  /** The request itself cannot be right, whatever the feature store holds. */
  | "invalid-request"
  | "unknown-feature"
  | "unknown-feature-view"
  | "unknown-feature-service"
  | "unknown-push-source"
  /** An entity row has a key that no feature view joins on. */
  | "unknown-entity"
  | "missing-join-key"
  /** A join key has another type than its entity, or one that Feast cannot look up. */
  | "invalid-join-key"
  | "feature-name-collision"
  /** A value to be written does not fit its type. */
  | "invalid-value"
  /** This transport or this client cannot do it; the message says which can. */
  | "unsupported"
  | "unauthorized"
  | "deadline-exceeded"
  | "aborted"
  /** More requests are under way than this client or the server allows. */
  | "overloaded"
  /** The server cannot be reached, or says that it cannot serve now. */
  | "unavailable"
  /** The server failed in a way that this client does not know. */
  | "server-error"
  | "malformed-response";

/** The one error that the clients throw. */
export class FeastError extends Error {
  override readonly name = "FeastError";

  /**
   * @param code for programs
   * @param message one sentence that names the field and says how to fix it
   * @param field the feature, view, service, join key or part of a response at fault, where there is one
   */
  constructor(
    readonly code: FeastErrorCode,
    message: string,
    readonly field?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the same read may succeed a moment later. The clients try such reads again on their own. */
  get isRetriable(): boolean {
    return this.code === "unavailable";
  }
}

/** What an unknown thrown value says, for use inside another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
