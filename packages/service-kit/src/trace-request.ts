import type { Context, Span } from "@opentelemetry/api";
import { asHttpError } from "./problem.js";
import type { requestSpan } from "./span-options.js";
import { withSpan } from "./tracing.js";

/** Runs a handler in the span of its HTTP request, which tells the status of the answer. */
export function traceRequest<T>(
  { name, kind, attributes }: ReturnType<typeof requestSpan>,
  parent: Context,
  reply: { readonly statusCode: number },
  handle: (span: Span) => Promise<T>,
): Promise<T> {
  return withSpan(name, { kind, attributes, parent }, (span) =>
    // Nearly always it is not recorded, and then nothing is waited for here.
    span.isRecording() ? tellStatus(span, reply, handle) : handle(span),
  );
}

async function tellStatus<T>(
  span: Span,
  reply: { readonly statusCode: number },
  handle: (span: Span) => Promise<T>,
): Promise<T> {
  let status: number | undefined;
  try {
    const answer = await handle(span);
    status = reply.statusCode;
    return answer;
  } catch (error) {
    status = asHttpError(error).row.httpStatus;
    throw error;
  } finally {
    if (status !== undefined) span.setAttribute("http.response.status_code", status);
  }
}
