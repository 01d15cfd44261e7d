import type { components } from "./generated/api.js";

/** The API's problem details for a rejected request (RFC 9457). */
export type Problem = components["schemas"]["Problem"];

/**
 * Stable codes. `unreachable`: no response; `token-refused`: the authorization server issued no token;
 * `deadline-exceeded`: the call timed out.
 */
export type ErrorCode = Problem["code"] | "unreachable" | "token-refused";

export interface FieldError {
  /** JSON pointer (RFC 6901) to the field; empty for the whole body. */
  readonly pointer: string;
  readonly detail: string;
}

/** Explains why a call has no result. The message says how to fix the problem. */
export class TriplineError extends Error {
  override readonly name = "TriplineError";

  /** @param status HTTP status; undefined without a response */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly status?: number,
    /** The invalid fields of an `invalid-field` error. */
    readonly errors: readonly FieldError[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  static of({ code, detail, status, errors }: Problem): TriplineError {
    return new TriplineError(code, detail, status, errors);
  }

  /** Whether the same request can succeed later. */
  get isTemporary(): boolean {
    return isTemporary(this.status);
  }
}

/** `fetch` reports only that it failed; the reason is in the cause. */
export function causeOf(error: unknown): string {
  const { cause = error } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
  const { code, message } = (cause ?? {}) as { readonly code?: unknown; readonly message?: string };
  // The code of a DOMException, such as a timeout, is a number.
  return typeof code === "string" ? code : (message ?? String(error));
}

/** @param status HTTP status; undefined without a response */
export function isTemporary(status: number | undefined): boolean {
  return status === undefined || status === 429 || status >= 500;
}
