import { isSpanContextValid, trace } from "@opentelemetry/api";
import type { ErrorCode, FieldError } from "@tripline/contracts/error-table";
import { asTriplineError, shownDetail, TriplineError } from "@tripline/contracts/error-table";
import type { Logger } from "@tripline/telemetry/logger";
import { RateLimited } from "./limits/rate-limited.js";

/** RFC 9457 problem details, with Tripline's code and one entry per invalid field. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly trace_id?: string;
}

export const PROBLEM_CONTENT_TYPE = "application/problem+json";

/** An error in the form shown to the caller, without internal details. */
export function problemOf(error: TriplineError): Problem {
  const span = trace.getActiveSpan()?.spanContext();
  return {
    type: `urn:tripline:error:${error.code}`,
    title: error.row.title,
    status: error.row.httpStatus,
    code: error.code,
    detail: shownDetail(error),
    ...(error.fields.length === 0 ? {} : { errors: error.fields }),
    ...(span !== undefined && isSpanContextValid(span) ? { trace_id: span.traceId } : {}),
  };
}

/** Logs a failed request, unless the caller is at fault. */
export function logProblem(thrown: unknown, error: TriplineError, logger: Pick<Logger, "error" | "warn">): void {
  if (error.code === "internal") logger.error({ err: thrown }, "request failed");
  else if (error.row.httpStatus >= 500) logger.warn({ code: error.code }, error.message);
}

/** HTTP headers of a problem response. */
export function problemHeaders(error: TriplineError): Record<string, string> {
  const headers: Record<string, string> = { "content-type": PROBLEM_CONTENT_TYPE };
  const { retryAfterSeconds, httpStatus } = error.row;
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(retryAfterSeconds);
  if (error instanceof RateLimited) Object.assign(headers, error.headers);
  if (httpStatus === 401 && error.code.startsWith("token-")) {
    headers["www-authenticate"] = `Bearer error="${bearerError(error.code)}"`;
  }
  if (error.code === "scope-missing") headers["www-authenticate"] = 'Bearer error="insufficient_scope"';
  return headers;
}

/** A prebuilt constant response, because an overloaded service must be able to reject requests cheaply. */
export interface PreparedProblem {
  readonly status: number;
  /** Alternating names and values, as `writeHead` of node:http accepts them. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** @param error with a detail that is the same for every caller */
export function prepareProblem(error: TriplineError): PreparedProblem {
  const body = JSON.stringify(problemOf(error));
  const headers = { ...problemHeaders(error), "content-length": String(Buffer.byteLength(body)) };
  return { status: error.row.httpStatus, headers: Object.entries(headers).flat(), body };
}

/** Converts an error of Nest, Fastify or our own code to a TriplineError. */
export function asHttpError(thrown: unknown): TriplineError {
  if (thrown instanceof TriplineError) return thrown;
  const code = property(thrown, "code");
  const status = property(thrown, "statusCode") ?? property(thrown, "status");
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE" || status === 413) {
    return new TriplineError("body-too-large", "The body exceeds the limit of this endpoint. Send a smaller body.");
  }
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE" || status === 415) {
    return new TriplineError(
      "unsupported-media-type",
      "Send the body with a content type that this endpoint supports.",
    );
  }
  if (code === "FST_ERR_BAD_URL") {
    return new TriplineError(
      "malformed-request",
      "The URL contains a percent sign that is not part of an escape sequence such as %20.",
    );
  }
  if (code === "FST_ERR_MAX_PARAM_LENGTH") {
    return new TriplineError("address-too-long", "A segment of the URL is longer than any valid ID.");
  }
  if (status === 404) return new TriplineError("not-found", "Not found.");
  if (status === 405) return new TriplineError("method-not-allowed", "Method not allowed.");
  if (status === 400) return new TriplineError("malformed-json", "The body is not valid JSON.");
  return asTriplineError(thrown);
}

/** OAuth 2.0 bearer error codes, RFC 6750 section 3.1. */
function bearerError(code: ErrorCode): string {
  return code === "token-missing" ? "invalid_request" : "invalid_token";
}

function property(thrown: unknown, name: string): unknown {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  return Object.entries(thrown).find(([key]) => key === name)?.[1];
}
