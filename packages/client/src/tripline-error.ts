import type { components } from "./generated/api.js";

/** What the API says of a request that it refused (RFC 9457). */
export type Problem = components["schemas"]["Problem"];

/**
 * Stable codes. `unreachable`: no answer; `token-refused`: the authorization server gave no token; `deadline-exceeded`: the
 * time of the call was over.
 */
export type ErrorCode = Problem["code"] | "unreachable" | "token-refused";

export interface FieldError {
  /** JSON pointer (RFC 6901) to the field; empty for the whole body. */
  readonly pointer: string;
  readonly detail: string;
}

/** Why a call has no result. The message says how to fix it. */
export class TriplineError extends Error {
  override readonly name = "TriplineError";

  /** @param status of HTTP; undefined without an answer */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly status?: number,
    /** Wrong fields, of `invalid-field`. */
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

/** `fetch` only says that it failed; the reason is in the cause. */
export function causeOf(error: unknown): string {
  const { cause = error } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
  const { code, message } = (cause ?? {}) as { readonly code?: string; readonly message?: string };
  return code ?? message ?? String(error);
}

/** @param status of HTTP; undefined without an answer */
export function isTemporary(status: number | undefined): boolean {
  return status === undefined || status === 429 || status >= 500;
}
