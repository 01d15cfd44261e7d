import type { Span } from "@opentelemetry/api";
import { INVALID_TRACEID } from "@opentelemetry/api";
import { hidesCardNumber } from "@tripline/contracts/find-card-number";
import type { requestSpan } from "@tripline/telemetry/span-options";
import { contextFromHeaders, withSpan } from "@tripline/telemetry/tracing";
import { asHttpError } from "./problem.js";

interface HttpRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

interface HttpReply {
  readonly statusCode: number;
  header(name: string, value: string): unknown;
}

/**
 * Runs a handler in a span for its HTTP request, as a child of the caller's span if the caller sent one. The span
 * records the status of the response, and the response includes the trace id.
 */
export function traceRequest<T>(
  { name, kind, attributes }: ReturnType<typeof requestSpan>,
  request: HttpRequest,
  reply: HttpReply,
  handle: () => Promise<T>,
): Promise<T> {
  return withSpan(name, { kind, attributes, parent: contextFromHeaders(usableHeaders(request.headers)) }, (span) => {
    const { traceId } = span.spanContext();
    if (traceId !== INVALID_TRACEID) reply.header("tripline-trace-id", traceId);
    // Most spans are not recorded; for these requests, the extra await is skipped.
    return span.isRecording() ? tellStatus(span, reply, handle) : handle();
  });
}

/**
 * The sender chooses the traceparent, which is copied to every record. If it could hide a card number, a new trace
 * starts instead.
 */
function usableHeaders(headers: HttpRequest["headers"]): HttpRequest["headers"] {
  return hidesCardNumber(String(headers.traceparent ?? "")) ? {} : headers;
}

async function tellStatus<T>(span: Span, reply: HttpReply, handle: () => Promise<T>): Promise<T> {
  let status: number | undefined;
  try {
    const answer = await handle();
    status = reply.statusCode;
    return answer;
  } catch (error) {
    status = asHttpError(error).row.httpStatus;
    throw error;
  } finally {
    if (status !== undefined) span.setAttribute("http.response.status_code", status);
  }
}
