import { SpanStatusCode } from "@opentelemetry/api";
import { ERROR_TABLE, TriplineError } from "@tripline/contracts/error-table";
import type { Logger } from "@tripline/telemetry/logger";
import { counter, histogram } from "@tripline/telemetry/metrics";
import { requestSpan } from "@tripline/telemetry/span-options";
import { contextFromHeaders, withSpan } from "@tripline/telemetry/tracing";
import type { KoaContextWithOIDC, Provider } from "oidc-provider";
import { errors } from "oidc-provider";
import type { ClientAuthGuard } from "../clients/client-auth-guard.js";
import { TooManyFailures } from "../clients/client-auth-guard.js";

const TOKEN_PATH = "/oauth/token";
const REQUEST = requestSpan("POST", TOKEN_PATH);
const MS_PER_S = 1_000;

/** Spans, metrics and logs of token requests, and responses to failures, without secrets, assertions or tokens. */
export function observeTokens(provider: Provider, guard: ClientAuthGuard, logger: Logger): void {
  const metrics = tokenMetrics();
  provider.use(async (ctx: KoaContextWithOIDC, next: () => Promise<void>) => {
    if (ctx.path !== TOKEN_PATH) return next();
    const parent = contextFromHeaders(ctx.headers);
    await withSpan(REQUEST.name, { ...REQUEST, parent }, async (span) => {
      const startedMs = performance.now();
      await next();
      const client = knownClient(ctx);
      const refusal = refusalIn(ctx.body);
      metrics.duration.observe({ outcome: refusal ?? "issued" }, (performance.now() - startedMs) / MS_PER_S);
      span.setAttributes({ "http.response.status_code": ctx.status, ...client });
      if (refusal === undefined) {
        metrics.issued.inc({ tenant: client.tenant ?? "" });
        logger.info(client, "token issued");
        return;
      }
      metrics.refused.inc({ error: refusal });
      span.setAttribute("error.type", refusal);
      if (ctx.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR, message: refusal });
    });
  });
  provider.on("grant.error", (ctx, error) => {
    if (error instanceof errors.InvalidClientAuth) guard.fail(ctx);
    if (error instanceof TooManyFailures) ctx.set("Retry-After", String(error.retryAfterSeconds));
    logger.info({ ...knownClient(ctx), error: error.error, detail: error.error_detail }, "token rejected");
  });
  provider.on("server_error", (ctx, error) => answerServerError(ctx, error, logger));
  // Without a listener, Koa would print errors that occur while writing a response.
  const emitter: NodeJS.EventEmitter = provider;
  emitter.on("error", (error: Error) => logger.warn({ err: error }, "could not write a response"));
}

function tokenMetrics() {
  return {
    issued: counter("tripline_auth_tokens_issued_total", { description: "Access tokens issued", labels: ["tenant"] }),
    refused: counter("tripline_auth_tokens_refused_total", {
      description: "Token requests rejected",
      labels: ["error"],
    }),
    duration: histogram("tripline_auth_token_duration_seconds", {
      description: "Duration of token requests",
      labels: ["outcome"],
    }),
  };
}

/** Temporary failures cause a 503 with Retry-After. For all other failures, the library's opaque 500 remains. */
function answerServerError(ctx: KoaContextWithOIDC, error: Error, logger: Logger): void {
  if (!(error instanceof TriplineError) || error.code === "internal") {
    logger.error({ err: error }, "token request failed");
    return;
  }
  const { httpStatus, retryAfterSeconds, title } = ERROR_TABLE[error.code];
  logger.warn({ code: error.code }, error.message);
  ctx.status = httpStatus;
  if (retryAfterSeconds !== undefined) ctx.set("Retry-After", String(retryAfterSeconds));
  ctx.body = { error: "temporarily_unavailable", error_description: title };
}

/** Names only existing clients, because an unknown ID may be a secret in the wrong field. */
function knownClient(ctx: KoaContextWithOIDC): { client_id?: string; tenant?: string } {
  const client = ctx.oidc.client;
  return client === undefined ? {} : { client_id: client.clientId, tenant: String(client.tenant) };
}

function refusalIn(body: unknown): string | undefined {
  return typeof body === "object" && body !== null && "error" in body ? String(body.error) : undefined;
}
